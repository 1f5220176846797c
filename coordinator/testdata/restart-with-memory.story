# A restart in the midst of a drain, with what the planner remembered: it goes on
# as if nothing had happened.
group gpu slots=1 servers=2
model llama gpu slots=1 min=1 max=3 drain=30s
place gpu-0000 llama
place gpu-0001 llama
arrive llama 4
run 4s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
finish llama 3
run 4s every 2s
----
at 6s
  llama: 1: target ratio 2->1 (serving 2, starting 0, draining 0)
  now unroute llama on gpu/gpu-0001: replica spare
at 8s
  llama: 1: target ratio (serving 1, starting 0, draining 1)
  later unload llama on gpu/gpu-0001: waits for requests in flight
restart saved
run 40s every 2s
----
at 36s
  now unload llama on gpu/gpu-0001: drain timed out
at 38s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect serving llama 1
expect servers gpu 1
