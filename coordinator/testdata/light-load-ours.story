# Eight replicas, and the load of a hundredth of what they can bear, which never
# stops: it shrinks to the one replica that is enough, and no request is late.
group gpu slots=1 max=8 servers=8
model llama gpu slots=1 min=1 max=8 track=10
place gpu-0000 llama
place gpu-0001 llama
place gpu-0002 llama
place gpu-0003 llama
place gpu-0004 llama
place gpu-0005 llama
place gpu-0006 llama
place gpu-0007 llama
traffic llama 4 per 1s
always serving llama 1
run 1h every 2s
----
at 2s
  llama: 8: target ratio 8->0; first sight 0->8 (serving 8, starting 0, draining 0)
at 4s
  llama: 1: target ratio 8->0; below min 0->1 (serving 8, starting 0, draining 0)
  now unroute llama on gpu/gpu-*: replica spare (7 times)
at 6s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 7)
  now unload llama on gpu/gpu-*: drained (7 times)
at 8s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001 -gpu-0002 -gpu-0003 -gpu-0004 -gpu-0005 -gpu-0006 -gpu-0007: server empty
expect serving llama 1
expect servers gpu 1
expect requests llama 14400 late 0s
