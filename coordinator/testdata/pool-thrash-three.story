# Three models of 600, all used, on one server of 1000: two servers would do for the
# sum of what they need, but no two of them fit into one. Each gets a server, one
# after the other, and all stay. First one server is all that there may be.
group gpu mb=1000 memory=1000 overcommit=100% pool=2 max=1 servers=1
model a gpu mb=600 memory=600 min=1 max=1 reload=1s load=100ms
model b gpu mb=600 memory=600 min=1 max=1 reload=1s load=100ms
model c gpu mb=600 memory=600 min=1 max=1 reload=1s load=100ms
place gpu-0000 a b c
traffic a 1 per 4s
traffic b 1 per 4s
traffic c 1 per 4s
always serving a 1
always serving b 1
always serving c 1
nothing moves
run 1m every 2s
----
at 2s
  a: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  c: 1: target ratio (serving 1, starting 0, draining 0)
at 4s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
at 6s
  b: 1: target ratio (serving 1, starting 0, draining 0)
  c: 1: target ratio (serving 1, starting 0, draining 0)
at 8s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
at 10s
  b: 1: target ratio (serving 1, starting 0, draining 0)
  c: 1: target ratio (serving 1, starting 0, draining 0)
at 12s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
at 14s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0)
at 16s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 18s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 20s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 22s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 24s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 26s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 28s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 30s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 32s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 34s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 36s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 38s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 40s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 42s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 44s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 46s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 48s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 50s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 52s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 54s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 56s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 58s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 1m0s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
anything goes
update group gpu max=4
run 2m every 2s
----
at 1m2s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, extra 1, resident)
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
  now scale gpu to 2: pool short
  later load a on gpu: waits for a server that is ordered
at 1m4s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  later load a on gpu/gpu-0001: waits for the server to be up
at 1m6s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 1m8s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 1m10s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 1m12s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  now load a on gpu/gpu-0001: separates
at 1m14s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0, extra 1, resident)
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
  now route a on gpu/gpu-0001: replica loaded
at 1m16s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0, resident)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  now unroute a on gpu/gpu-0000: room wanted
at 1m18s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1, resident)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, extra 1, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
  now scale gpu to 3: pool short
  now unload a on gpu/gpu-0000: drained
  later load b on gpu: waits for a server that is ordered
at 1m20s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  later load b on gpu/gpu-0002: waits for the server to be up
at 1m22s
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 1m24s
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
at 1m26s
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 1m28s
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  now load b on gpu/gpu-0002: separates
at 1m30s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0, extra 1, resident)
  c: 1: target ratio (serving 1, starting 0, draining 0, resident)
  now route b on gpu/gpu-0002: replica loaded
at 1m32s
  b: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0, resident)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  now unroute b on gpu/gpu-0000: room wanted
at 1m34s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1, resident)
  now unload b on gpu/gpu-0000: drained
at 1m36s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
expect servers gpu 3
nothing moves
run 5m every 2s
----
