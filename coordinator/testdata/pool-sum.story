# Servers are as many as the sum of what comes in needs: neither model alone would
# have a second one, both together do. What is desired of each is one copy; the
# second of each fills the room there is then.
group gpu gib=4 pool=4 pool-track=4 max=4 servers=1
model a gpu gib=1 min=1 track=4
model b gpu gib=1 min=1 track=4
place gpu-0000 a b
run 4s every 2s
----
at 2s
  a: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  pool gpu: 1: target ratio 1->0; first sight 0->1
at 4s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  pool gpu: 0: target ratio 1->0
arrive a 3
arrive b 3
run 40s every 2s
----
at 6s
  a: 1: target ratio (serving 1, starting 0, draining 0)
  b: 1: target ratio (serving 1, starting 0, draining 0)
  now scale gpu to 2: pool short
  pool gpu: 2: target ratio 0->2
at 8s
  pool gpu: 2: within tolerance
at 16s
  a: 1: target ratio (serving 1, starting 0, draining 0, extra 1)
  now load a on gpu/gpu-0001: relieves
at 18s
  a: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  later route a on gpu/gpu-0001: waits for the load
at 20s
  b: 1: target ratio (serving 1, starting 0, draining 0, extra 1)
  now load b on gpu/gpu-0001: relieves
  now route a on gpu/gpu-0001: replica loaded
at 22s
  a: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
  b: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  later route b on gpu/gpu-0001: waits for the load
  pool gpu: 2: target ratio
at 24s
  now route b on gpu/gpu-0001: replica loaded
at 26s
  b: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
expect servers gpu 2
expect serving a 2
expect serving b 2
expect desired a 1
nothing moves
run 10m every 10s
----
