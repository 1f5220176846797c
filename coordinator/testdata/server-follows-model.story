# A model goes from one replica to three: servers follow it up; back to one:
# they follow it down. Every request is answered on time, all the while.
group gpu slots=1 max=5 servers=1
model llama gpu slots=1 replicas=1
place gpu-0000 llama
traffic llama 10 per 1s
always serving llama 1
run 10s every 2s
----
at 2s
  llama: 1: fixed count (serving 1, starting 0, draining 0)
expect servers gpu 1

update model llama replicas=3
run 20s every 2s
----
at 12s
  llama: 3: fixed count (serving 1, starting 2, draining 0)
  now scale gpu to 3: no room
  later load llama on gpu: waits for a server that is ordered
  later load llama on gpu: waits for a server that is ordered
at 14s
  later load llama on gpu/gpu-0001: waits for the server to be up
  later load llama on gpu/gpu-0002: waits for the server to be up
at 22s
  now load llama on gpu/gpu-0001: replica short
  now load llama on gpu/gpu-0002: replica short
at 24s
  later route llama on gpu/gpu-0001: waits for the load
  later route llama on gpu/gpu-0002: waits for the load
at 26s
  now route llama on gpu/gpu-0001: replica loaded
  now route llama on gpu/gpu-0002: replica loaded
at 28s
  llama: 3: fixed count (serving 3, starting 0, draining 0)
expect serving llama 3
expect servers gpu 3

update model llama replicas=1
run 20s every 2s
----
at 32s
  llama: 1: fixed count (serving 3, starting 0, draining 0)
  now unroute llama on gpu/gpu-0001: replica spare
  now unroute llama on gpu/gpu-0002: replica spare
at 34s
  llama: 1: fixed count (serving 1, starting 0, draining 2)
  now unload llama on gpu/gpu-0001: drained
  now unload llama on gpu/gpu-0002: drained
at 36s
  llama: 1: fixed count (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001 -gpu-0002: server empty
expect serving llama 1
expect servers gpu 1
expect requests llama 500 late 0s
