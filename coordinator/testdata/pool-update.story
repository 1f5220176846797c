# A new version in a pool that is full. The old one has a copy more than is desired:
# its room is taken, nobody else's, and the other serves until the new one does.
group gpu gib=2 pool=2 fixed servers=2
model a gpu gib=1 min=1 version=v1
model b gpu gib=1 min=1
place gpu-0000 a b
place gpu-0001 a b
traffic a 4 per 1s
traffic b 4 per 1s
always serving a 1
always serving b 2
run 1m every 2s
----
at 2s
  a: 2: target ratio 2->0; first sight 0->2 (serving 2, starting 0, draining 0)
  b: 2: target ratio 2->0; first sight 0->2 (serving 2, starting 0, draining 0)
at 4s
  a: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0, extra 1)
  b: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0, extra 1)
at 6s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0, extra 1)
  b: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0, extra 1)
update model a version=v2
run 2m every 2s
----
at 1m2s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute a@v1 on gpu/gpu-0000: old version
  later load a@v2 on gpu/gpu-0000: waits for a copy to make room
  later unroute a@v1 on gpu/gpu-0001: waits for a replacement to serve
at 1m4s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload a@v1 on gpu/gpu-0000: drained
at 1m6s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now load a@v2 on gpu/gpu-0000: replica short
at 1m8s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0)
  later route a@v2 on gpu/gpu-0000: waits for the load
at 1m10s
  now route a@v2 on gpu/gpu-0000: replica loaded
at 1m12s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute a@v1 on gpu/gpu-0001: old version
at 1m14s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload a@v1 on gpu/gpu-0001: drained
at 1m16s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
expect serving a@v1 0
