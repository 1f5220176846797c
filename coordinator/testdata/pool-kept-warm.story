# The first request of a model loads it. When it is idle its last copy stays for a
# while, 60 times as long as it takes to load; then it is only there because there is
# room, and the server may go.
group gpu gib=2 pool=2 max=2
model a gpu gib=1 load=4s
run 4s every 2s
----
at 2s
  a: 0: target ratio (serving 0, starting 0, draining 0)
arrive a 1
run 24s every 2s
----
at 6s
  a: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
  now scale gpu to 1: pool short
  later load a on gpu: waits for a server that is ordered
at 8s
  a: 1: target ratio (serving 0, starting 1, draining 0)
  later load a on gpu/gpu-0000: waits for the server to be up
at 16s
  now load a on gpu/gpu-0000: replica short
at 18s
  later route a on gpu/gpu-0000: waits for the load
at 20s
  now route a on gpu/gpu-0000: replica loaded
at 22s
  a: 1: target ratio (serving 1, starting 0, draining 0)
expect serving a 1
finish a 1
run 6m every 10s
----
at 38s
  a: 1: target ratio 1->0; kept warm 0->1 (serving 1, starting 0, draining 0)
at 4m8s
  a: 0: target ratio 1->0 (serving 1, starting 0, draining 0)
  now unroute a on gpu/gpu-0000: server retires
  pool gpu: gpu-0000 retires
at 4m18s
  a: 0: target ratio (serving 0, starting 0, draining 1)
  now unload a on gpu/gpu-0000: drained
at 4m28s
  a: 0: target ratio (serving 0, starting 0, draining 0)
  now scale gpu to 0 -gpu-0000: server empty
expect servers gpu 0
expect requests a 1 late 20s
