# A server with six hundred models leaves. All of them serve on another one before
# they stop here; none is lost, none is unserved, none is loaded twice.
group gpu slots=600 max=2 servers=1
model m*600 gpu slots=1 replicas=1
place gpu-0000 m*600
always serving m*600 1
run 2s every 2s
----
at 2s
  m*: 1: fixed count (serving 1, starting 0, draining 0) (600 times)
leave gpu-0000
run 30s every 2s
----
at 4s
  later unroute m* on gpu/gpu-0000: waits for a replacement to serve (600 times)
  later load m* on gpu/gpu-0001: waits for the server to be up (600 times)
at 14s
  now load m* on gpu/gpu-0001: replica short (600 times)
at 16s
  m*: 1: fixed count (serving 1, starting 1, draining 0) (600 times)
  later route m* on gpu/gpu-0001: waits for the load (600 times)
at 18s
  now route m* on gpu/gpu-0001: replica loaded (600 times)
at 20s
  m*: 1: fixed count (serving 2, starting 0, draining 0) (600 times)
  now unroute m* on gpu/gpu-0000: server leaving (600 times)
at 22s
  m*: 1: fixed count (serving 1, starting 0, draining 1) (600 times)
  now unload m* on gpu/gpu-0000: drained (600 times)
at 24s
  m*: 1: fixed count (serving 1, starting 0, draining 0) (600 times)
expect on gpu-0000 -
gone gpu-0000
run 10s every 2s
----
expect servers gpu 1
expect ordered gpu 2
expect loads m000 1
expect loads m599 1
