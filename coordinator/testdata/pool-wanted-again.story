# A server is taken back while its copy drains: that one is wanted again, and counts
# beside what fills the room of another that broke.
group gpu gib=1 pool=2 max=3 servers=3
model a gpu gib=1 min=3 max=3
place gpu-0000 a
place gpu-0001 a
place gpu-0002 a
arrive a 3
run 40s every 4s
----
at 4s
  a: 3: target ratio 3->2; first sight 2->3 (serving 3, starting 0, draining 0)
at 8s
  a: 3: target ratio 3->2; below min 2->3 (serving 3, starting 0, draining 0)
update model a gib=1 min=2 max=3
run 12s every 4s
----
at 44s
  a: 2: target ratio 3->2 (serving 3, starting 0, draining 0)
  now unroute a on gpu/gpu-0002: server retires
  pool gpu: gpu-0002 retires
at 48s
  a: 2: target ratio (serving 2, starting 0, draining 1)
  later unload a on gpu/gpu-0002: waits for requests in flight
break gpu-0001 a
run 40s every 4s
----
at 56s
  a: 2: within tolerance (serving 1, starting 1, draining 1)
  now unload a on gpu/gpu-0001: replica broken
  later load a on gpu: waits for a server that is ordered
at 1m0s
  a: 2: within tolerance (serving 1, starting 1, draining 1, extra 1)
  now load a on gpu/gpu-0001: fills room
  now route a on gpu/gpu-0002: wanted again
at 1m4s
  a: 2: target ratio (serving 2, starting 1, draining 0, extra 1)
  now route a on gpu/gpu-0001: replica loaded
at 1m8s
  a: 2: target ratio (serving 3, starting 0, draining 0, extra 1)
at 1m32s
  a: 2: target ratio (serving 3, starting 0, draining 0)
  now unroute a on gpu/gpu-0001: server retires
  pool gpu: gpu-0001 retires
