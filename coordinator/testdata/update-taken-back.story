# A version is declared, and the one before it again before the new one is loaded:
# what has begun of the new one goes, and the old one has served all the while.
group gpu slots=2 max=9 servers=2
model llama gpu slots=1 replicas=2 version=v1
place gpu-0000 llama
place gpu-0001 llama
always serving llama@v1 2
run 4s every 2s
----
at 2s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
update model llama version=v2
run 2s every 2s
----
at 6s
  now load llama@v2 on gpu/gpu-0000: replica short
  now load llama@v2 on gpu/gpu-0001: replica short
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later unroute llama@v1 on gpu/gpu-0001: waits for a replacement to serve
expect replicas llama@v2 2

update model llama version=v1
run 20s every 2s
----
at 8s
  now unload llama@v2 on gpu/gpu-0000: old version
  now unload llama@v2 on gpu/gpu-0001: old version
expect replicas llama@v2 0
expect serving llama@v1 2
expect loads llama@v1 0
