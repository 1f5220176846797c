# A StatefulSet removes the highest ordinal only: while it holds something, an
# empty server below it stays.
use ordinal servers=0
arrive a 2
tick 1s
----
a: 2: target ratio 0->2 (serving 0, starting 0, draining 0)
b: 0: target ratio (serving 0, starting 0, draining 0)
now scale set to 2: no room
later load a on set: waits for a server that is ordered
later load a on set: waits for a server that is ordered
tick 10s
----
a: 2: target ratio (serving 0, starting 2, draining 0)
b: 0: target ratio (serving 0, starting 0, draining 0)
now load a on set/set-0000: replica short
now load a on set/set-0001: replica short
tick 4s
----
a: 2: target ratio (serving 0, starting 2, draining 0)
b: 0: target ratio (serving 0, starting 0, draining 0)
now route a on set/set-0000: replica loaded
now route a on set/set-0001: replica loaded
arrive b 1
tick 1s
----
a: 2: within tolerance (serving 2, starting 0, draining 0)
b: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
now scale set to 3: no room
later load b on set: waits for a server that is ordered
tick 10s
----
a: 2: within tolerance (serving 2, starting 0, draining 0)
b: 1: target ratio (serving 0, starting 1, draining 0)
now load b on set/set-0002: replica short
tick 4s
----
a: 2: within tolerance (serving 2, starting 0, draining 0)
b: 1: target ratio (serving 0, starting 1, draining 0)
now route b on set/set-0002: replica loaded
tick 1s
----
a: 2: within tolerance (serving 2, starting 0, draining 0)
b: 1: within tolerance (serving 1, starting 0, draining 0)
finish a 2
tick 1s
----
a: 0: target ratio 2->0 (serving 2, starting 0, draining 0)
b: 1: within tolerance (serving 1, starting 0, draining 0)
now unroute a on set/set-0000: replica spare
now unroute a on set/set-0001: replica spare
tick 1s
----
a: 0: target ratio (serving 0, starting 0, draining 2)
b: 1: within tolerance (serving 1, starting 0, draining 0)
now unload a on set/set-0000: drained
now unload a on set/set-0001: drained
tick 1s
----
a: 0: target ratio (serving 0, starting 0, draining 0)
b: 1: within tolerance (serving 1, starting 0, draining 0)
finish b 1
tick 1s
----
a: 0: target ratio (serving 0, starting 0, draining 0)
b: 0: target ratio 1->0 (serving 1, starting 0, draining 0)
now unroute b on set/set-0002: replica spare
tick 1s
----
a: 0: target ratio (serving 0, starting 0, draining 0)
b: 0: target ratio (serving 0, starting 0, draining 1)
now unload b on set/set-0002: drained
tick 1s
----
a: 0: target ratio (serving 0, starting 0, draining 0)
b: 0: target ratio (serving 0, starting 0, draining 0)
now scale set to 0: server empty
