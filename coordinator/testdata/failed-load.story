# A model fails to load on the only server that there is, and again. A second
# server is had for it, and the first one is left alone.
group gpu slots=2 max=4 servers=1
model llama gpu slots=1 min=0 max=1
model whisper gpu slots=1 replicas=1
place gpu-0000 whisper
arrive llama 1
inject failing-loads
run 12s every 2s
----
at 2s
  llama: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
  whisper: 1: fixed count (serving 1, starting 0, draining 0)
  now load llama on gpu/gpu-0000: replica short
at 4s
  llama: 1: target ratio (serving 0, starting 1, draining 0)
  later route llama on gpu/gpu-0000: waits for the load
at 6s
  now unload llama on gpu/gpu-0000: replica broken
  later load llama on gpu/gpu-0000: waits for room on the server
at 8s
  now load llama on gpu/gpu-0000: replica short
at 10s
  later route llama on gpu/gpu-0000: waits for the load
at 12s
  now scale gpu to 2: no room
  now unload llama on gpu/gpu-0000: replica broken
  later load llama on gpu: waits for a server that is ordered
inject none
run 20s every 2s
----
at 14s
  later load llama on gpu/gpu-0001: waits for the server to be up
at 22s
  now load llama on gpu/gpu-0001: replica short
at 24s
  later route llama on gpu/gpu-0001: waits for the load
at 26s
  now route llama on gpu/gpu-0001: replica loaded
at 28s
  llama: 1: target ratio (serving 1, starting 0, draining 0)
expect on gpu-0000 whisper
expect on gpu-0001 llama
finish llama 1
expect requests llama 1 late 0s
