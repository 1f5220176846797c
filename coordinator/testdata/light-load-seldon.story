# The same with the original's rule, inactivity: as long as requests come, and be
# they few, it keeps all eight replicas; only when none has come for ten minutes
# it goes down, by one.
group gpu slots=1 max=8 servers=8
model llama gpu slots=1 min=1 max=8 seldon
place gpu-0000 llama
place gpu-0001 llama
place gpu-0002 llama
place gpu-0003 llama
place gpu-0004 llama
place gpu-0005 llama
place gpu-0006 llama
place gpu-0007 llama
traffic llama 4 per 1s
run 1h every 2s
----
at 2s
  llama: 8: lag below (serving 8, starting 0, draining 0)
expect serving llama 8
expect servers gpu 8

traffic llama none
run 11m every 2s
----
at 1h10m2s
  llama: 7: idle 8->7 (serving 8, starting 0, draining 0)
  now unroute llama on gpu/gpu-0007: replica spare
at 1h10m4s
  llama: 7: between periods (serving 7, starting 0, draining 1)
  now unload llama on gpu/gpu-0007: drained
at 1h10m6s
  llama: 7: between periods (serving 7, starting 0, draining 0)
  now scale gpu to 7 -gpu-0007: server empty
at 1h10m22s
  llama: 7: cooling down (serving 7, starting 0, draining 0)
expect serving llama 7
