# The bounds change while the metrics are silent. They hold at once: what is
# below the minimum grows, what is above the maximum shrinks, all else stays.
group gpu slots=2 max=4 servers=4
model llama gpu slots=1 min=1 max=4
model whisper gpu slots=1 min=1 max=4
place gpu-0000 llama whisper
place gpu-0001 llama whisper
place gpu-0002 whisper
place gpu-0003 whisper
arrive llama 4
arrive whisper 8
run 4s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
  whisper: 4: within tolerance (serving 4, starting 0, draining 0)
inject no-metrics
run 1m every 2s
----
at 6s
  llama: 2: signal not ok (serving 2, starting 0, draining 0)
  whisper: 4: signal not ok (serving 4, starting 0, draining 0)
expect desired llama 2
expect desired whisper 4

update model llama min=3
run 10s every 2s
----
at 1m6s
  llama: 3: signal not ok; below min 2->3 (serving 2, starting 0, draining 0)
  now load llama on gpu/gpu-0002: replica short
at 1m8s
  llama: 3: signal not ok (serving 2, starting 1, draining 0)
  later route llama on gpu/gpu-0002: waits for the load
at 1m10s
  now route llama on gpu/gpu-0002: replica loaded
at 1m12s
  llama: 3: signal not ok (serving 3, starting 0, draining 0)
expect serving llama 3
expect serving whisper 4

update model whisper max=3
finish whisper 8
run 10s every 2s
----
at 1m16s
  whisper: 3: signal not ok; above max 4->3 (serving 4, starting 0, draining 0)
  now unroute whisper on gpu/gpu-0003: replica spare
at 1m18s
  whisper: 3: signal not ok (serving 3, starting 0, draining 1)
  now unload whisper on gpu/gpu-0003: drained
at 1m20s
  whisper: 3: signal not ok (serving 3, starting 0, draining 0)
  now scale gpu to 3 -gpu-0003: server empty
expect serving whisper 3
expect serving llama 3
