# A restart without a memory in the midst of a drain: the request in flight there
# is waited for, and answered; then the replica and its server go.
group gpu slots=1 servers=2
model llama gpu slots=1 min=1 max=3
place gpu-0000 llama
place gpu-0001 llama
arrive llama 4
run 4s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
finish llama 2
run 4s every 2s
----
at 6s
  llama: 1: target ratio 2->1 (serving 2, starting 0, draining 0)
  now unroute llama on gpu/gpu-0001: replica spare
at 8s
  llama: 1: within tolerance (serving 1, starting 0, draining 1)
  later unload llama on gpu/gpu-0001: waits for requests in flight
restart
run 1m every 2s
----
expect replicas llama 2
finish llama 2
run 10s every 2s
----
at 1m10s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload llama on gpu/gpu-0001: drained
at 1m12s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect replicas llama 1
expect servers gpu 1
expect requests llama 4 late 0s
