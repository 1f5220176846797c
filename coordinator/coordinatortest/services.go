package coordinatortest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// A FleetService is how a service behaves. It answers for the series of requests
// as models do; see Fleet.Arrive, with its name.
type FleetService struct {
	Name     string // not a model's
	Replicas int    // ready at the start
	Start    time.Duration
}

// fleetService is a service in a fleet, and the requests for it.
type fleetService struct {
	FleetService
	fence
	load    fleetModel // counts requests; it is no model and has no replicas
	desired int
	ready   int
	coming  []coming // replicas on their way, in the order of orders
	orders  int      // of replicas, ever
	version uint64
}

// coming is a replica on its way.
type coming struct {
	at          time.Time // when it is ready, or is ordered anew
	fails, lost bool
}

func (f *Fleet) addServices(list []FleetService) {
	for _, s := range list {
		fs := &fleetService{FleetService: s, desired: s.Replicas, ready: s.Replicas}
		fs.load.Name = s.Name
		f.services = append(f.services, fs)
		f.models[s.Name] = &fs.load
	}
	slices.SortFunc(f.services, func(a, b *fleetService) int { return cmp.Compare(a.Name, b.Name) })
}

// service finds a service by its name, nil if there is none.
func (f *Fleet) service(name string) *fleetService {
	i, found := slices.BinarySearchFunc(f.services, name, func(s *fleetService, name string) int { return cmp.Compare(s.Name, name) })
	if !found {
		return nil
	}
	return f.services[i]
}

// catchUp lets replicas become ready, fail, or be missed and ordered anew.
func (s *fleetService) catchUp(f *Fleet, now time.Time) {
	was := s.ready
	s.coming = slices.DeleteFunc(s.coming, func(c coming) bool {
		due := !now.Before(c.at)
		if due && !c.fails && !c.lost {
			s.ready++
		}
		return due
	})
	s.grow(f, now)
	if s.ready != was {
		s.version++
	}
}

// grow orders replicas until as many as desired are there or on their way.
func (s *fleetService) grow(f *Fleet, now time.Time) {
	for s.ready+len(s.coming) < s.desired {
		s.orders++
		fate := f.chance.trouble(f.chance.Start, "start "+s.Name+" "+strconv.Itoa(s.orders))
		c := coming{at: now.Add(s.Start + fate.late), fails: fate.fails, lost: fate.lost}
		if fate.lost {
			c.at = now.Add(f.chance.retry())
		}
		if c.at.After(now) {
			s.coming = append(s.coming, c)
		} else if !c.fails {
			s.ready++
		} else {
			return // one that fails at once is tried again later
		}
	}
}

// apply carries out an action on the service.
func (s *fleetService) apply(f *Fleet, a coordinator.Action) error {
	if done, err := s.refuses(a); done || err != nil {
		return err
	}
	switch {
	case a.Replicas < 0:
		return fmt.Errorf("%w: %d replicas of %s", errRefused, a.Replicas, a.Service)
	case changed(a, s.version):
		return coordinator.ErrConflict
	}
	s.raise(a)
	s.version++
	s.desired = a.Replicas
	// Those that are not ready go first, the latest orders before the others.
	for len(s.coming) > 0 && s.ready+len(s.coming) > s.desired {
		s.coming = s.coming[:len(s.coming)-1]
	}
	s.ready = min(s.ready, s.desired)
	s.grow(f, f.now())
	return nil
}

// Lose takes up to n ready replicas away from a service, as when they crash:
// others start in their place.
func (f *Fleet) Lose(service string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	if s := f.service(service); s != nil && n > 0 {
		s.ready = max(0, s.ready-n)
		s.version++
		s.grow(f, f.now())
	}
}

// finish lets up to n requests of a service end, if any replica is ready.
func (s *fleetService) finish(n int) int {
	if s.ready == 0 {
		return 0
	}
	ended := min(max(n, 0), s.load.waiting)
	s.load.waiting -= ended
	s.load.ended += uint64(ended)
	return ended
}

// observeServices adds the services to a world.
func (f *Fleet) observeServices(w *coordinator.World, fate observeFate) {
	for _, s := range f.services {
		if fate.blindService(s.Name) {
			w.UnseenServices = append(w.UnseenServices, s.Name)
			continue
		}
		w.Services = append(w.Services, coordinator.ServiceState{
			Name: s.Name, Desired: s.desired, Ready: s.ready, Generation: s.generation, Epoch: s.epoch, Version: version(s.version),
		})
	}
}
