# A restart without a memory in the midst of an update, under a hundred requests a
# second: the update goes on from what is found, and no request is lost or late.
group gpu slots=2 max=9 servers=2
model llama gpu slots=1 replicas=2 version=v1
place gpu-0000 llama
place gpu-0001 llama
traffic llama 100 per 1s
always serving llama 2
run 4s every 2s
----
at 2s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
update model llama version=v2
run 4s every 2s
----
at 6s
  now load llama@v2 on gpu/gpu-0000: replica short
  now load llama@v2 on gpu/gpu-0001: replica short
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0001: waits for a replacement to serve
at 8s
  llama: 2: fixed count (serving 2, starting 2, draining 0)
  later route llama@v2 on gpu/gpu-0000: waits for the load
  later route llama@v2 on gpu/gpu-0001: waits for the load
away 10s
restart
run 20s every 2s
----
at 20s
  now route llama@v2 on gpu/gpu-0000: replica loaded
  now route llama@v2 on gpu/gpu-0001: replica loaded
at 22s
  llama: 2: fixed count (serving 4, starting 0, draining 0)
  now unroute llama@v1 on gpu/gpu-0000: old version
  now unroute llama@v1 on gpu/gpu-0001: old version
at 24s
  llama: 2: fixed count (serving 2, starting 0, draining 2)
  now unload llama@v1 on gpu/gpu-0000: drained
  now unload llama@v1 on gpu/gpu-0001: drained
at 26s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
expect serving llama@v2 2
expect replicas llama@v1 0
expect loads llama@v2 2
expect requests llama 3800 late 0s
