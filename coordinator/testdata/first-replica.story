# A model of one replica is declared: it serves 6 s later, and the request that
# came before it did is answered.
group gpu slots=1 servers=1
model llama gpu slots=1 replicas=1
arrive llama 1
run 6s every 2s
----
at 2s
  llama: 1: fixed count (serving 0, starting 1, draining 0)
  now load llama on gpu/gpu-0000: replica short
at 4s
  later route llama on gpu/gpu-0000: waits for the load
at 6s
  now route llama on gpu/gpu-0000: replica loaded
expect serving llama 1
finish llama 1
expect requests llama 1 late 0s
