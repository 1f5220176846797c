# The original's cool-down: a minute after it grew, not before, an idle model
# shrinks, by one.
group gpu slots=1 max=9 servers=3
model llama gpu slots=1 min=1 max=3 seldon-quick
place gpu-0000 llama
arrive llama 40
run 1m every 2s
----
at 2s
  llama: 2: lag threshold 1->2 (serving 1, starting 0, draining 0)
  now load llama on gpu/gpu-0001: replica short
at 4s
  llama: 3: lag threshold 2->3 (serving 1, starting 1, draining 0)
  now load llama on gpu/gpu-0002: replica short
  later route llama on gpu/gpu-0001: waits for the load
at 6s
  llama: 3: above max (serving 1, starting 2, draining 0)
  now route llama on gpu/gpu-0001: replica loaded
  later route llama on gpu/gpu-0002: waits for the load
at 8s
  llama: 3: lag below (serving 2, starting 1, draining 0)
  now route llama on gpu/gpu-0002: replica loaded
at 10s
  llama: 3: lag below (serving 3, starting 0, draining 0)
at 12s
  llama: 3: cooling down (serving 3, starting 0, draining 0)
finish llama 40
run 3m every 2s
----
at 1m6s
  llama: 2: idle 3->2 (serving 3, starting 0, draining 0)
  now unroute llama on gpu/gpu-0002: replica spare
at 1m8s
  llama: 2: cooling down (serving 2, starting 0, draining 1)
  now unload llama on gpu/gpu-0002: drained
at 1m10s
  llama: 2: cooling down (serving 2, starting 0, draining 0)
  now scale gpu to 2 -gpu-0002: server empty
at 2m8s
  llama: 1: idle 2->1 (serving 2, starting 0, draining 0)
  now unroute llama on gpu/gpu-0001: replica spare
at 2m10s
  llama: 1: never below one (serving 1, starting 0, draining 1)
  now unload llama on gpu/gpu-0001: drained
at 2m12s
  llama: 1: never below one (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect serving llama 1
