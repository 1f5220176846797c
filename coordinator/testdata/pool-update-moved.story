# A model that has moved is updated: the copy that stops is the one it left behind. Its
# old one stays until then, so that its room is not counted on.
group left gib=2 pool=2 fixed servers=1
group pool gib=2 pool=2 fixed servers=2
model a pool gib=1 min=1 version=v1
model b pool gib=1 min=1
model c pool gib=1 min=1
place left-0000 a
place pool-0000 a b
place pool-0001 c b
traffic a 4 per 1s
traffic b 4 per 1s
traffic c 4 per 1s
always serving a 1
always serving b 1
update model a gib=1 min=1 version=v2
run 1m every 2s
----
at 2s
  a: 2: target ratio 2->0; first sight 0->2 (serving 2, starting 0, draining 0)
  b: 2: target ratio 2->0; first sight 0->2 (serving 2, starting 0, draining 0)
  c: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  later unroute a@v1 on left/left-0000: waits for a replacement to serve
  later unroute a@v1 on pool/pool-0000: waits for a replacement to serve
  refused in pool: 2 of a refused: no bin
at 4s
  a: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0)
  b: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now unroute a@v1 on left/left-0000: group left
  now unroute b on pool/pool-0000: room wanted
  later load a@v2 on pool/pool-0000: waits for a copy to make room
at 6s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload a@v1 on left/left-0000: drained
  now unload b on pool/pool-0000: drained
at 8s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now load a@v2 on pool/pool-0000: replica short
at 10s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0)
  later route a@v2 on pool/pool-0000: waits for the load
at 12s
  now route a@v2 on pool/pool-0000: replica loaded
at 14s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute a@v1 on pool/pool-0000: old version
at 16s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload a@v1 on pool/pool-0000: drained
at 18s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
