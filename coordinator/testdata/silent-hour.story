# For an hour the metrics say nothing, while the load has gone: nothing shrinks.
# They come back: it does.
group gpu slots=1 max=4 servers=3
model llama gpu slots=1 min=1 max=4
place gpu-0000 llama
place gpu-0001 llama
place gpu-0002 llama
arrive llama 6
run 2s every 2s
----
at 2s
  llama: 3: within tolerance (serving 3, starting 0, draining 0)
finish llama 6
inject no-metrics
nothing moves
run 1h every 2s
----
at 4s
  llama: 3: signal not ok (serving 3, starting 0, draining 0)
expect serving llama 3

inject none
anything goes
run 10s every 2s
----
at 1h0m4s
  llama: 1: target ratio 3->0; below min 0->1 (serving 3, starting 0, draining 0)
  now unroute llama on gpu/gpu-0001: replica spare
  now unroute llama on gpu/gpu-0002: replica spare
at 1h0m6s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 2)
  now unload llama on gpu/gpu-0001: drained
  now unload llama on gpu/gpu-0002: drained
at 1h0m8s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001 -gpu-0002: server empty
expect serving llama 1
