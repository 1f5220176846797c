# One of two routers does not answer, so that half of the load is seen. That is too
# little to shrink by; but when half of it is too much for what is there, it grows.
group gpu slots=1 max=8 servers=3
model llama gpu slots=1 min=1 max=8
place gpu-0000 llama
place gpu-0001 llama
place gpu-0002 llama
arrive llama 6
run 4s every 2s
----
at 2s
  llama: 3: within tolerance (serving 3, starting 0, draining 0)
inject half-metrics
nothing shrinks
run 1h every 2s
----
at 6s
  llama: 3: signal not ok (serving 3, starting 0, draining 0)
expect desired llama 3

arrive llama 10
run 30s every 2s
----
at 1h0m6s
  llama: 4: target ratio 3->4 (serving 3, starting 0, draining 0)
  now scale gpu to 4: no room
  later load llama on gpu: waits for a server that is ordered
at 1h0m8s
  llama: 4: within tolerance (serving 3, starting 1, draining 0)
  later load llama on gpu/gpu-0003: waits for the server to be up
at 1h0m16s
  now load llama on gpu/gpu-0003: replica short
at 1h0m18s
  later route llama on gpu/gpu-0003: waits for the load
at 1h0m20s
  now route llama on gpu/gpu-0003: replica loaded
at 1h0m22s
  llama: 4: within tolerance (serving 4, starting 0, draining 0)
expect serving llama 4
