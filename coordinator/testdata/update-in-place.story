# The same, but one of two replicas is said to be enough meanwhile: they are replaced
# one after the other in their own room, and no request is lost.
group gpu slots=1 fixed servers=2
model llama gpu slots=1 replicas=2 version=v1 min-ready=1
place gpu-0000 llama
place gpu-0001 llama
traffic llama 10 per 1s
always serving llama 1
run 4s every 2s
----
at 2s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
update model llama version=v2
run 1m every 2s
----
at 6s
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0001: waits for a replacement to serve
  refused in gpu: 2 of llama refused: capacity (gpu-0000 lacks 1 of slots)
at 8s
  now unroute llama@v1 on gpu/gpu-0000: old version
  later load llama@v2 on gpu/gpu-0000: waits for room on the server
  refused in gpu: 1 of llama refused: capacity (gpu-0001 lacks 1 of slots)
at 10s
  llama: 2: fixed count (serving 1, starting 0, draining 1)
  now unload llama@v1 on gpu/gpu-0000: drained
at 12s
  llama: 2: fixed count (serving 1, starting 0, draining 0)
  now load llama@v2 on gpu/gpu-0000: replica short
at 14s
  llama: 2: fixed count (serving 1, starting 1, draining 0)
  later route llama@v2 on gpu/gpu-0000: waits for the load
at 16s
  now route llama@v2 on gpu/gpu-0000: replica loaded
at 18s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
  now unroute llama@v1 on gpu/gpu-0001: old version
  later load llama@v2 on gpu/gpu-0001: waits for room on the server
at 20s
  llama: 2: fixed count (serving 1, starting 1, draining 1)
  now unload llama@v1 on gpu/gpu-0001: drained
at 22s
  llama: 2: fixed count (serving 1, starting 1, draining 0)
  now load llama@v2 on gpu/gpu-0001: replica short
at 24s
  later route llama@v2 on gpu/gpu-0001: waits for the load
at 26s
  now route llama@v2 on gpu/gpu-0001: replica loaded
at 28s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
expect serving llama@v2 2
expect replicas llama@v1 0
expect requests llama 640 late 0s
