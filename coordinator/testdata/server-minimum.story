# All models end, and their servers empty: those beyond the minimum of two go, at
# once, and the two stay.
group gpu slots=1 min=2 max=5 servers=5
model llama gpu slots=1 min=0 max=5 track=1
place gpu-0000 llama
place gpu-0001 llama
place gpu-0002 llama
place gpu-0003 llama
place gpu-0004 llama
arrive llama 5
run 4s every 2s
----
at 2s
  llama: 5: within tolerance (serving 5, starting 0, draining 0)
finish llama 5
run 10s every 2s
----
at 6s
  llama: 0: target ratio 5->0 (serving 5, starting 0, draining 0)
  now unroute llama on gpu/gpu-*: replica spare (5 times)
at 8s
  llama: 0: target ratio (serving 0, starting 0, draining 5)
  now unload llama on gpu/gpu-*: drained (5 times)
at 10s
  llama: 0: target ratio (serving 0, starting 0, draining 0)
  now scale gpu to 2 -gpu-0002 -gpu-0003 -gpu-0004: server empty
expect serving llama 0
expect servers gpu 2
nothing moves
run 10m every 10s
----
