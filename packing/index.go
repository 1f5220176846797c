package packing

// An index finds bins with room.
type index struct{}

func (x *index) update(b int32) {}
