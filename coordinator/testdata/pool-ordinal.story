# Only the highest server can go: it retires, though another is empty.
group set gib=2 pool=2 pool-track=2 max=3 servers=3 ordinal
model a set gib=1 min=1 track=3
model b set gib=1 min=1
place set-0000 a
place set-0002 b
arrive a 3
always serving a 1
always serving b 1
run 2m every 2s
----
at 2s
  a: 1: within tolerance (serving 1, starting 0, draining 0, extra 1)
  b: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  now load a on set/set-0001: relieves
  pool set: 3: target ratio 3->2; first sight 2->3
at 4s
  a: 1: within tolerance (serving 1, starting 1, draining 0, extra 1)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now load b on set/set-0000: replica short
  later route a on set/set-0001: waits for the load
  later unroute b on set/set-0002: waits for a replacement to serve
  pool set: 2: target ratio 3->2
  pool set: set-0002 retires
at 6s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0)
  now route a on set/set-0001: replica loaded
  later route b on set/set-0000: waits for the load
  pool set: 2: within tolerance
at 8s
  a: 1: within tolerance (serving 2, starting 0, draining 0, extra 1)
  now route b on set/set-0000: replica loaded
  pool set: 2: target ratio
at 10s
  b: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute b on set/set-0002: server retires
at 12s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload b on set/set-0002: drained
at 14s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale set to 2: server empty
expect servers set 2
expect serving b 1
