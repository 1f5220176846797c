# A restart without a memory while a server boots: the one that was ordered is
# not ordered again, and nothing goes.
group gpu slots=1 servers=1
model llama gpu slots=1 min=1 max=3
place gpu-0000 llama
arrive llama 4
nothing shrinks
run 4s every 2s
----
at 2s
  llama: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
  now scale gpu to 2: no room
  later load llama on gpu: waits for a server that is ordered
at 4s
  llama: 2: within tolerance (serving 1, starting 1, draining 0)
  later load llama on gpu/gpu-0001: waits for the server to be up
away 1s
restart
run 20s every 2s
----
at 7s
  llama: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
at 9s
  llama: 2: within tolerance (serving 1, starting 1, draining 0)
at 13s
  now load llama on gpu/gpu-0001: replica short
at 15s
  later route llama on gpu/gpu-0001: waits for the load
at 17s
  now route llama on gpu/gpu-0001: replica loaded
at 19s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
expect serving llama 2
expect ordered gpu 2
expect loads llama 1
