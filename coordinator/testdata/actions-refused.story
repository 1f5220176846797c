# For ten seconds no action has an effect, and each is answered with an error. It is
# asked for again until it has, and then no more.
group gpu slots=1 max=9 servers=1
model llama gpu slots=1 min=1 max=9
place gpu-0000 llama
arrive llama 4
inject refusals
run 10s every 2s
----
at 2s
  llama: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
  now scale gpu to 2: no room
  later load llama on gpu: waits for a server that is ordered
  error: scale gpu to 2
at 4s
  llama: 2: within tolerance (serving 1, starting 1, draining 0)
  now scale gpu to 2: no room
  error: scale gpu to 2
at 6s
  now scale gpu to 2: no room
  error: scale gpu to 2
at 8s
  now scale gpu to 2: no room
  error: scale gpu to 2
at 10s
  now scale gpu to 2: no room
  error: scale gpu to 2
inject none
run 20s every 2s
----
at 12s
  now scale gpu to 2: no room
at 14s
  later load llama on gpu/gpu-0001: waits for the server to be up
at 22s
  now load llama on gpu/gpu-0001: replica short
at 24s
  later route llama on gpu/gpu-0001: waits for the load
at 26s
  now route llama on gpu/gpu-0001: replica loaded
at 28s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
expect serving llama 2
expect ordered gpu 2
expect loads llama 1
