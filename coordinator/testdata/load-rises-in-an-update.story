# The load doubles while a new version loads: the old version serves on, but no
# replica more of it is loaded; what is added is new.
group gpu slots=2 max=9 servers=2
model llama gpu slots=1 min=1 max=9 version=v1
place gpu-0000 llama
place gpu-0001 llama
arrive llama 4
always serving llama 2
run 4s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)

update model llama version=v2
run 2s every 2s
----
at 6s
  now load llama@v2 on gpu/gpu-0000: replica short
  now load llama@v2 on gpu/gpu-0001: replica short
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0001: waits for a replacement to serve
arrive llama 4
run 30s every 2s
----
at 8s
  llama: 2: within tolerance (serving 2, starting 2, draining 0)
  later route llama@v2 on gpu/gpu-0000: waits for the load
  later route llama@v2 on gpu/gpu-0001: waits for the load
at 10s
  now route llama@v2 on gpu/gpu-0000: replica loaded
  now route llama@v2 on gpu/gpu-0001: replica loaded
at 12s
  llama: 2: within tolerance (serving 4, starting 0, draining 0)
  now unroute llama@v1 on gpu/gpu-0000: old version
  now unroute llama@v1 on gpu/gpu-0001: old version
at 14s
  llama: 4: target ratio 2->4 (serving 2, starting 0, draining 2)
  now scale gpu to 4: no room
  later unload llama@v1 on gpu/gpu-0000: waits for requests in flight
  later unload llama@v1 on gpu/gpu-0001: waits for requests in flight
  later load llama@v2 on gpu: waits for a server that is ordered
  later load llama@v2 on gpu: waits for a server that is ordered
at 16s
  llama: 4: within tolerance (serving 2, starting 2, draining 2)
  later load llama@v2 on gpu/gpu-0002: waits for the server to be up
  later load llama@v2 on gpu/gpu-0003: waits for the server to be up
at 24s
  now load llama@v2 on gpu/gpu-0002: replica short
  now load llama@v2 on gpu/gpu-0003: replica short
at 26s
  later route llama@v2 on gpu/gpu-0002: waits for the load
  later route llama@v2 on gpu/gpu-0003: waits for the load
at 28s
  now route llama@v2 on gpu/gpu-0002: replica loaded
  now route llama@v2 on gpu/gpu-0003: replica loaded
at 30s
  llama: 4: within tolerance (serving 4, starting 0, draining 2)
expect loads llama@v1 0
expect loads llama@v2 4
expect serving llama@v2 4
expect serving llama@v1 0
