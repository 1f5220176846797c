# The instants are 0, 15, 30, ... whatever is asked in between.
use every ready=4
observe at=1s load=80
----
8: target ratio 4->8
observe at=14s load=10
----
8: between periods
observe at=15s load=10
----
1: target ratio 8->1
observe at=29s load=80 desired=7
----
1: between periods 7->1
observe at=31s load=80
----
8: target ratio 1->8

# Missing at an instant holds the count in force until the next.
observe at=45s load=0 quality=missing
----
8: signal not ok
observe at=50s load=10 desired=6
----
6: between periods
observe at=60s load=10
----
1: target ratio 6->1
