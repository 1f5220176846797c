# A new version, and no room beside the old one nor a server to be had. The old one
# serves on, all of it, and the new one is refused.
group gpu slots=1 fixed servers=2
model llama gpu slots=1 replicas=2 version=v1
place gpu-0000 llama
place gpu-0001 llama
traffic llama 10 per 1s
always serving llama 2
run 4s every 2s
----
at 2s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
update model llama version=v2
nothing moves
run 10m every 2s
----
at 6s
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0001: waits for a replacement to serve
  refused in gpu: 2 of llama refused: capacity (gpu-0000 lacks 1 of slots)
expect serving llama@v1 2
expect refused llama 2
expect requests llama 6040 late 0s
