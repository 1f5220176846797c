# What drains is taken back before anything new is loaded.
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
finish llama 2
tick 1s
----
llama: 1: target ratio 2->1 (serving 2, starting 0, draining 0)
now unroute llama on gpu/gpu-0001: replica spare
arrive llama 2
tick 1s
----
llama: 2: target ratio 1->2 (serving 1, starting 0, draining 1)
now route llama on gpu/gpu-0001: wanted again
tick 1s
----
llama: 2: within tolerance (serving 2, starting 0, draining 0)
