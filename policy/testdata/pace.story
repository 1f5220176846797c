# Up: four or a doubling in any 15 s; down: one a minute.
use pace ready=2
observe at=0s load=500
----
6: target ratio 2->50; pace limit 50->6

# Within the period the room is used up.
observe at=5s load=500
----
6: target ratio 6->50; pace limit 50->6
observe at=15s load=500
----
12: target ratio 6->50; pace limit 50->12
observe at=30s load=500
----
24: target ratio 12->50; pace limit 50->24

# Down goes by one a minute.
observe at=100s load=10
----
23: target ratio 24->1; pace limit 1->23
observe at=130s load=10
----
23: target ratio 23->1; pace limit 1->23
observe at=160s load=10
----
22: target ratio 23->1; pace limit 1->22

# From nothing a percentage alone would never start; one step is always allowed.
use pace ready=0
observe at=0s load=500
----
4: target ratio 0->50; pace limit 50->4
