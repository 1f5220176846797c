# The load doubles while a new version loads. What comes in place of the old one
# does not count for more: twice as many are ordered at once, all of the new one.
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
run 2s every 2s
----
at 8s
  llama: 4: target ratio 2->4 (serving 2, starting 2, draining 0)
  now scale gpu to 4: no room
  later route llama@v2 on gpu/gpu-0000: waits for the load
  later route llama@v2 on gpu/gpu-0001: waits for the load
  later load llama@v2 on gpu: waits for a server that is ordered
  later load llama@v2 on gpu: waits for a server that is ordered
expect desired llama 4
run 30s every 2s
----
at 10s
  llama: 4: within tolerance (serving 2, starting 2, draining 0)
  now route llama@v2 on gpu/gpu-0000: replica loaded
  now route llama@v2 on gpu/gpu-0001: replica loaded
  later load llama@v2 on gpu/gpu-0002: waits for the server to be up
  later load llama@v2 on gpu/gpu-0003: waits for the server to be up
at 12s
  llama: 4: within tolerance (serving 4, starting 0, draining 0)
at 18s
  now load llama@v2 on gpu/gpu-0002: replica short
  now load llama@v2 on gpu/gpu-0003: replica short
at 20s
  llama: 4: within tolerance (serving 4, starting 2, draining 0)
  later route llama@v2 on gpu/gpu-0002: waits for the load
  later route llama@v2 on gpu/gpu-0003: waits for the load
at 22s
  now route llama@v2 on gpu/gpu-0002: replica loaded
  now route llama@v2 on gpu/gpu-0003: replica loaded
at 24s
  llama: 4: within tolerance (serving 6, starting 0, draining 0)
  now unroute llama@v1 on gpu/gpu-0000: old version
  now unroute llama@v1 on gpu/gpu-0001: old version
at 26s
  llama: 4: within tolerance (serving 4, starting 0, draining 2)
  later unload llama@v1 on gpu/gpu-0000: waits for requests in flight
  later unload llama@v1 on gpu/gpu-0001: waits for requests in flight
expect loads llama@v1 0
expect loads llama@v2 4
expect serving llama@v2 4
expect serving llama@v1 0
