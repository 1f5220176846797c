# The metrics fail while the load is gone: nothing shrinks.
use one servers=2
arrive llama 4
tick 1s
----
llama: 2: target ratio 1->2 (serving 0, starting 1, draining 0)
now load llama on gpu/gpu-0000: replica short
now load llama on gpu/gpu-0001: replica short
tick 4s
----
llama: 2: target ratio (serving 0, starting 2, draining 0)
now route llama on gpu/gpu-0000: replica loaded
now route llama on gpu/gpu-0001: replica loaded
tick 1s
----
llama: 2: within tolerance (serving 2, starting 0, draining 0)
finish llama 4
blind
tick 2s
----
llama: 2: signal not ok (serving 2, starting 0, draining 0)
unseen
tick 2s
----
llama: 2: count unknown (serving 2, starting 0, draining 0)

# They come back.
tick 2s
----
llama: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0)
now unroute llama on gpu/gpu-0001: replica spare
