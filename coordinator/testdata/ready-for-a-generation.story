# What is said to be ready is ready for a known wish: from the moment that more is
# wanted, or another version, the model is not ready for that, though its old
# replicas serve all the while; nobody has to wait a while before asking.
group gpu slots=2 max=9 servers=3 boot=4s
model llama gpu slots=1 replicas=1 version=v1
place gpu-0000 llama
tick 2s
----
llama: 1: fixed count (serving 1, starting 0, draining 0)
tick 2s
----
llama: 1: fixed count (serving 1, starting 0, draining 0)
now scale gpu to 1 -gpu-0001 -gpu-0002: server empty
expect ready llama 2 of 2

update model llama replicas=3
expect ready llama 2 of 3
tick 2s
----
llama: 3: fixed count (serving 1, starting 2, draining 0)
now scale gpu to 3: no room
later load llama@v1 on gpu: waits for a server that is ordered
later load llama@v1 on gpu: waits for a server that is ordered
expect serving llama 1
expect ready llama 2 of 4
run 10s every 2s
----
at 8s
  later load llama@v1 on gpu/gpu-0003: waits for the server to be up
  later load llama@v1 on gpu/gpu-0004: waits for the server to be up
at 10s
  now load llama@v1 on gpu/gpu-0003: replica short
  now load llama@v1 on gpu/gpu-0004: replica short
at 12s
  later route llama@v1 on gpu/gpu-0003: waits for the load
  later route llama@v1 on gpu/gpu-0004: waits for the load
at 14s
  now route llama@v1 on gpu/gpu-0003: replica loaded
  now route llama@v1 on gpu/gpu-0004: replica loaded
at 16s
  llama: 3: fixed count (serving 3, starting 0, draining 0)
expect serving llama 3
expect ready llama 4 of 4

update model llama version=v2
expect ready llama 4 of 5
run 4s every 2s
----
at 18s
  now load llama@v2 on gpu/gpu-0000: replica short
  now load llama@v2 on gpu/gpu-0003: replica short
  now load llama@v2 on gpu/gpu-0004: replica short
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0003: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0004: waits for a replacement to serve
at 20s
  llama: 3: fixed count (serving 3, starting 3, draining 0)
  later route llama@v2 on gpu/gpu-0000: waits for the load
  later route llama@v2 on gpu/gpu-0003: waits for the load
  later route llama@v2 on gpu/gpu-0004: waits for the load
expect serving llama 3
expect ready llama 4 of 5
run 10s every 2s
----
at 22s
  now route llama@v2 on gpu/gpu-0000: replica loaded
  now route llama@v2 on gpu/gpu-0003: replica loaded
  now route llama@v2 on gpu/gpu-0004: replica loaded
at 24s
  llama: 3: fixed count (serving 6, starting 0, draining 0)
  now unroute llama@v1 on gpu/gpu-0000: old version
  now unroute llama@v1 on gpu/gpu-0003: old version
  now unroute llama@v1 on gpu/gpu-0004: old version
at 26s
  llama: 3: fixed count (serving 3, starting 0, draining 3)
  now unload llama@v1 on gpu/gpu-0000: drained
  now unload llama@v1 on gpu/gpu-0003: drained
  now unload llama@v1 on gpu/gpu-0004: drained
at 28s
  llama: 3: fixed count (serving 3, starting 0, draining 0)
expect serving llama@v2 3
expect ready llama 5 of 5
