# A new version of a model is declared, under load and without room beside the old
# one: servers are had for it, each replica of it serves before an old one stops,
# and no request is lost. Then the servers go.
group gpu slots=1 max=9 servers=2
model llama gpu slots=1 replicas=2 version=v1
place gpu-0000 llama
place gpu-0001 llama
traffic llama 100 per 1s
always serving llama 2
run 10s every 2s
----
at 2s
  llama: 2: fixed count (serving 2, starting 0, draining 0)

update model llama version=v2
run 50s every 2s
----
at 12s
  now scale gpu to 4: no room
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0001: waits for a replacement to serve
  later load llama@v2 on gpu: waits for a server that is ordered
  later load llama@v2 on gpu: waits for a server that is ordered
at 14s
  later load llama@v2 on gpu/gpu-0002: waits for the server to be up
  later load llama@v2 on gpu/gpu-0003: waits for the server to be up
at 22s
  now load llama@v2 on gpu/gpu-0002: replica short
  now load llama@v2 on gpu/gpu-0003: replica short
at 24s
  llama: 2: fixed count (serving 2, starting 2, draining 0)
  later route llama@v2 on gpu/gpu-0002: waits for the load
  later route llama@v2 on gpu/gpu-0003: waits for the load
at 26s
  now route llama@v2 on gpu/gpu-0002: replica loaded
  now route llama@v2 on gpu/gpu-0003: replica loaded
at 28s
  llama: 2: fixed count (serving 4, starting 0, draining 0)
  now unroute llama@v1 on gpu/gpu-0000: old version
  now unroute llama@v1 on gpu/gpu-0001: old version
at 30s
  llama: 2: fixed count (serving 2, starting 0, draining 2)
  now unload llama@v1 on gpu/gpu-0000: drained
  now unload llama@v1 on gpu/gpu-0001: drained
at 32s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
  now scale gpu to 2 -gpu-0000 -gpu-0001: server empty
expect serving llama@v2 2
expect replicas llama@v1 0
expect servers gpu 2
expect requests llama 6000 late 0s
