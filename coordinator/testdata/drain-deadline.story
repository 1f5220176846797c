# A drain ends at its deadline, whatever is in flight.
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
arrive llama 2
tick 1s
----
llama: 1: target ratio 2->1 (serving 2, starting 0, draining 0)
now unroute llama on gpu/gpu-0001: replica spare
tick 19s
----
llama: 1: within tolerance (serving 1, starting 0, draining 1)
later unload llama on gpu/gpu-0001: waits for requests in flight, 1s at most
tick 1s
----
llama: 1: within tolerance (serving 1, starting 0, draining 1)
now unload llama on gpu/gpu-0001: drain timed out
tick 1s
----
llama: 1: target ratio (serving 1, starting 0, draining 0)
now scale gpu to 1 -gpu-0001: server empty
