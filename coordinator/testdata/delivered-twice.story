# Every action is delivered twice: it is done once.
group gpu slots=1 max=9 servers=1
model llama gpu slots=1 min=1 max=9
place gpu-0000 llama
inject twice
arrive llama 4
run 20s every 2s
----
at 2s
  llama: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
  now scale gpu to 2: no room
  later load llama on gpu: waits for a server that is ordered
at 4s
  llama: 2: within tolerance (serving 1, starting 1, draining 0)
  later load llama on gpu/gpu-0001: waits for the server to be up
at 12s
  now load llama on gpu/gpu-0001: replica short
at 14s
  later route llama on gpu/gpu-0001: waits for the load
at 16s
  now route llama on gpu/gpu-0001: replica loaded
at 18s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
expect serving llama 2
expect ordered gpu 2
expect loads llama 1

finish llama 4
run 20s every 2s
----
at 22s
  llama: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute llama on gpu/gpu-0001: replica spare
at 24s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload llama on gpu/gpu-0001: drained
at 26s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect serving llama 1
expect servers gpu 1
