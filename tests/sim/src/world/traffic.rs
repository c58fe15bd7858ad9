//! Microscopic traffic: cars follow their lane by the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000), motorbikes by the same law with the whole carriageway
//! to choose their line in. Time is an argument of `step`; two vehicles never share ground.

use crate::geom::{Dice, Rgb, mix};
use crate::render::models::{CLOTHS, Model};
use crate::scenario::{Camera, Direction, Event, Place, Road};
use crate::truth::Class;
use crate::world::happenings::Script;

/// Traffic's own time step, seconds.
pub(crate) const STEP_S: f64 = 0.1;
/// The street that traffic uses, metres ahead of the camera.
const NEAR_M: f32 = -16.0;
const FAR_M: f32 = 185.0;
const LENGTH_M: f32 = FAR_M - NEAR_M;
/// Whoever comes the wrong way and gets no further for this long pushes his motorbike onto the pavement: two that meet head-on would stand for good, and all behind
/// them.
const GIVES_UP_S: f32 = 4.0;
/// What is kept between bodies at any time, metres.
const CLEAR_M: f32 = 0.25;
/// A bottleneck's cycle: nothing passes for the first part, a few crawl through in the rest.
const DRIP_S: f64 = 15.0;
const DRIP_CLOSED_S: f64 = 11.5;

/// A vehicle on its carriageway. `s` runs along the direction of travel from entry, `o` from the road's middle outward.
#[derive(Debug, Clone)]
pub(crate) struct Vehicle {
    pub id: u32,
    pub model: usize,
    pub class: Class,
    pub length: f32,
    pub width: f32,
    pub direction: Direction,
    pub s: f32,
    pub o: f32,
    pub v: f32,
    pub wish_v: f32,
    pub paint: Rgb,
    pub cloth: Rgb,
    pub wrong_way: bool,
    /// How long it has stood.
    stood_s: f32,
    /// Index of the event that made it stand.
    pub halted_by: Option<usize>,
    /// Index of the event that has it walk on the carriageway.
    on_foot_for: Option<usize>,
    aim_o: f32,
    next_choice_s: f64,
    /// Sideways speed, for the heading.
    drift: f32,
}

impl Vehicle {
    /// Right of the road's middle, metres ahead of the camera's foot.
    pub fn place(&self) -> (f32, f32) {
        match self.direction {
            Direction::Inbound => (-self.o, FAR_M - self.s),
            Direction::Outbound => (self.o, NEAR_M + self.s),
        }
    }
    /// Radians; 0 drives away from the camera.
    pub fn heading(&self) -> f32 {
        let lean = (self.drift / self.v.max(2.5)).clamp(-0.14, 0.14);
        let base = if (self.direction == Direction::Inbound) == self.wrong_way { 0.0 } else { std::f32::consts::PI };
        // Drifting outward turns right, which is clockwise.
        base - if self.wrong_way { -lean } else { lean }
    }
    fn rides(&self) -> bool {
        matches!(self.class, Class::Motorcycle | Class::Bicycle)
    }
}

/// Somebody on the pavement.
#[derive(Debug, Clone)]
pub(crate) struct Walker {
    pub id: u32,
    pub model: usize,
    pub x: f32,
    pub y: f32,
    pub v: f32,
    pub shirt: Rgb,
}

fn along(direction: Direction, y: f32) -> f32 {
    match direction {
        Direction::Inbound => FAR_M - y,
        Direction::Outbound => y - NEAR_M,
    }
}

/// A piece of road on which nobody goes faster than `v`.
struct Slow {
    direction: Direction,
    from_s: f32,
    v: f32,
}

#[derive(Debug)]
pub(crate) struct Traffic {
    pub vehicles: Vec<Vehicle>,
    pub walkers: Vec<Walker>,
    road: Road,
    demand: [(Direction, f32); 2],
    wish_ms: f32,
    mix: [(Class, f32); 5],
    rain: f32,
    script: Script,
    dice: Dice,
    /// Steps taken.
    steps: i64,
    next_id: u32,
    /// Vehicles that would have come but found the entry full.
    waiting: [f32; 2],
    /// When each event of the script last sent a wrong-way rider.
    sent: Vec<i64>,
}

impl Traffic {
    /// Traffic as it is at time 0: it has been running for a minute.
    pub fn new(camera: &Camera, script: Script, models: &[Model], seed: u32, pavement_m: f32) -> Self {
        let t = &camera.traffic;
        let m = &t.mix;
        let mut s = Self {
            vehicles: Vec::new(),
            walkers: Vec::new(),
            road: camera.road.clone(),
            demand: [(Direction::Inbound, t.inbound_per_h / 3600.0), (Direction::Outbound, t.outbound_per_h / 3600.0)],
            wish_ms: t.speed_kmh / 3.6,
            mix: [
                (Class::Motorcycle, m.motorcycle),
                (Class::Car, m.car),
                (Class::Truck, m.truck),
                (Class::Bus, m.bus),
                (Class::Bicycle, m.bicycle),
            ],
            rain: camera.look.rain,
            script,
            dice: Dice::new(seed ^ 0x7aff),
            steps: -450,
            next_id: 1,
            waiting: [0.0; 2],
            sent: vec![i64::MIN / 2; camera.events.len()],
        };
        let kinds: Vec<usize> = (0..models.len()).filter(|i| models[*i].class == Class::Person).collect();
        for _ in 0..t.walkers {
            let side = if s.dice.chance(0.5) { 1.0 } else { -1.0 };
            let edge = s.road.edge_m(side);
            let x = side * (edge + s.dice.range(0.5, (pavement_m - 0.6).max(0.7)));
            let v = s.dice.range(0.8, 1.4) * if s.dice.chance(0.5) { 1.0 } else { -1.0 };
            let walker = Walker {
                id: s.next_id,
                model: s.dice.pick(&kinds),
                x,
                y: s.dice.range(8.0, 90.0),
                v,
                shirt: s.dice.pick(CLOTHS),
            };
            s.next_id += 1;
            s.walkers.push(walker);
        }
        while s.steps < 0 {
            s.step(models);
        }
        s
    }
    /// Scenario time, seconds.
    pub fn now_s(&self) -> f64 {
        self.steps as f64 * STEP_S
    }
    /// Goes on until scenario time `t`.
    pub fn advance(&mut self, t: f64, models: &[Model]) {
        while self.now_s() + STEP_S <= t + 1e-6 {
            self.step(models);
        }
    }

    fn step(&mut self, models: &[Model]) {
        let dt = STEP_S as f32;
        let t = self.now_s();
        self.arrive(models);
        self.script_acts(t, models);
        let slow = self.slow_places(t);
        for direction in [Direction::Inbound, Direction::Outbound] {
            // Front to back, so that whoever is followed has already moved.
            let mut order: Vec<usize> = (0..self.vehicles.len()).filter(|i| self.vehicles[*i].direction == direction).collect();
            order.sort_by(|a, b| self.vehicles[*b].s.total_cmp(&self.vehicles[*a].s));
            for k in 0..order.len() {
                self.choose_line(&order, k, t);
                self.sideways(&order, k, dt);
                self.forward(&order, k, &slow, dt);
            }
        }
        for w in &mut self.walkers {
            w.y += w.v * dt;
            if w.y > 110.0 {
                w.y = 6.0;
            } else if w.y < 6.0 {
                w.y = 110.0;
            }
        }
        // Measured at the end that is still to come in: the middle of a bus is metres outside when its front appears.
        let gone = |v: &Vehicle| v.s >= LENGTH_M || v.s + v.length / 2.0 <= 0.0 || (v.wrong_way && v.stood_s > GIVES_UP_S);
        self.vehicles.retain(|v| !gone(v));
        self.steps += 1;
    }

    fn slow_places(&self, t: f64) -> Vec<Slow> {
        if t < 0.0 {
            return Vec::new();
        }
        let mut out = Vec::new();
        for (_, e, since, _) in self.script.under_way(t) {
            match *e {
                Event::Jam { direction, at_m, .. } => {
                    let closed = since.rem_euclid(DRIP_S) < DRIP_CLOSED_S;
                    let at = at_m.unwrap_or(if direction == Direction::Inbound { 5.0 } else { 55.0 });
                    out.push(Slow { direction, from_s: along(direction, at), v: if closed { 0.0 } else { 1.8 } });
                }
                Event::Signal { direction, at_m, green_s, red_s, .. } if since.rem_euclid(green_s + red_s) >= green_s => {
                    out.push(Slow { direction, from_s: along(direction, at_m.unwrap_or(14.0)), v: 0.0 });
                }
                _ => {}
            }
        }
        out
    }

    /// Whether a queue is made to stand on a carriageway, and has grown.
    pub fn jammed(&self, direction: Direction) -> bool {
        let made = self
            .script
            .under_way(self.now_s())
            .any(|(_, e, _, _)| matches!(e, Event::Jam { direction: d, .. } if *d == direction));
        let on: Vec<&Vehicle> = self
            .vehicles
            .iter()
            .filter(|v| {
                v.direction == direction && !v.wrong_way && v.class != Class::Person && (5.0..90.0).contains(&v.place().1)
            })
            .collect();
        let slow = on.iter().filter(|v| v.v < 2.0).count();
        made && on.len() >= 10 && slow * 2 > on.len()
    }

    fn script_acts(&mut self, t: f64, models: &[Model]) {
        if t < 0.0 {
            return;
        }
        let events: Vec<(usize, Event)> =
            self.script.under_way(t + 12.0).chain(self.script.under_way(t)).map(|(i, e, _, _)| (i, e.clone())).collect();
        let active: Vec<usize> = self.script.under_way(t).map(|(i, ..)| i).collect();
        // A halt lasts as long as its event; a burning vehicle is called for a little before it burns.
        for v in &mut self.vehicles {
            if v.halted_by.is_some_and(|i| !events.iter().any(|(j, _)| *j == i)) {
                v.halted_by = None;
            }
        }
        // Whoever walks steps back on the kerb when the event is over.
        self.vehicles.retain(|v| v.on_foot_for.is_none_or(|i| active.contains(&i)));
        for (i, e) in &events {
            match e {
                Event::Stopped { direction, class, at_m, .. } if active.contains(i) => {
                    self.halt(*i, *direction, class.unwrap_or(Class::Car), at_m.unwrap_or(28.0))
                }
                Event::Fire { place: Place::Vehicle, direction, at_m, .. } => {
                    self.halt(*i, direction.unwrap_or(Direction::Inbound), Class::Car, at_m.unwrap_or(26.0))
                }
                Event::WrongWay { direction, every_s, .. } if active.contains(i) => {
                    let every = (every_s.unwrap_or(20.0) / STEP_S) as i64;
                    if self.steps - self.sent[*i] >= every && self.send_wrong_way(*direction, models) {
                        self.sent[*i] = self.steps;
                    }
                }
                Event::OnFoot { direction, at_m, .. }
                    if active.contains(i) && !self.vehicles.iter().any(|v| v.on_foot_for == Some(*i)) =>
                {
                    self.step_off_the_kerb(*i, *direction, at_m.unwrap_or(25.0), models);
                }
                _ => {}
            }
        }
    }

    /// Has the next fitting vehicle stand at `at_m`, unless one already does for this event.
    fn halt(&mut self, event: usize, direction: Direction, class: Class, at_m: f32) {
        if self.vehicles.iter().any(|v| v.halted_by == Some(event)) {
            return;
        }
        let at = along(direction, at_m);
        let next = self
            .vehicles
            .iter_mut()
            .filter(|v| v.direction == direction && v.class == class && !v.wrong_way && (at - 70.0..at - 12.0).contains(&v.s))
            .max_by(|a, b| a.s.total_cmp(&b.s));
        if let Some(v) = next {
            v.halted_by = Some(event);
            v.wish_v = v.wish_v.max(6.0);
        }
    }
    /// The vehicle standing for an event, once it stands.
    pub fn standing_for(&self, event: usize) -> Option<&Vehicle> {
        self.vehicles.iter().find(|v| v.halted_by == Some(event) && v.v < 0.3)
    }
    fn halt_s(&self, event: usize) -> Option<f32> {
        self.script.all(0.0).nth(event).and_then(|(_, e, _, _)| match e {
            Event::Stopped { direction, at_m, .. } => Some(along(*direction, at_m.unwrap_or(28.0))),
            Event::Fire { direction, at_m, .. } => Some(along(direction.unwrap_or(Direction::Inbound), at_m.unwrap_or(26.0))),
            _ => None,
        })
    }

    fn span(&self, direction: Direction) -> (f32, f32) {
        let side = if direction == Direction::Inbound { -1.0 } else { 1.0 };
        (self.road.median_m() / 2.0 + 0.25, self.road.edge_m(side) - 0.25)
    }
    fn lane_centre(&self, lane: u32) -> f32 {
        self.road.median_m() / 2.0 + (lane as f32 + 0.5) * self.road.lane_m
    }
    /// The lane a distance from the middle lies in.
    pub fn lane_of(&self, o: f32) -> u32 {
        (((o - self.road.median_m() / 2.0) / self.road.lane_m).max(0.0)) as u32
    }

    fn arrive(&mut self, models: &[Model]) {
        for k in 0..2 {
            let (direction, per_s) = self.demand[k];
            if self.dice.chance(per_s * STEP_S as f32) {
                self.waiting[k] += 1.0;
            }
            // A full street keeps no endless queue outside.
            self.waiting[k] = self.waiting[k].min(6.0);
            if self.waiting[k] >= 1.0 && self.enter(direction, models) {
                self.waiting[k] -= 1.0;
            }
        }
    }

    fn new_vehicle(&mut self, direction: Direction, class: Class, models: &[Model]) -> Vehicle {
        let poncho = self.rain > 0.25;
        let weigh = |m: &Model| {
            if m.class != class {
                0.0
            } else if m.name == "poncho" {
                if poncho { 4.0 } else { 0.0 }
            } else {
                m.share
            }
        };
        let total: f32 = models.iter().map(weigh).sum();
        let mut left = self.dice.range(0.0, total);
        let mut model = 0;
        for (i, m) in models.iter().enumerate() {
            let w = weigh(m);
            if w > 0.0 {
                model = i;
                left -= w;
                if left <= 0.0 {
                    break;
                }
            }
        }
        let m = &models[model];
        let eager = match class {
            Class::Motorcycle => self.dice.range(0.85, 1.25),
            Class::Bicycle => self.dice.range(0.32, 0.45),
            Class::Bus | Class::Truck => self.dice.range(0.75, 0.95),
            _ => self.dice.range(0.9, 1.2),
        };
        let id = self.next_id;
        self.next_id += 1;
        Vehicle {
            id,
            model,
            class,
            length: m.size.y,
            width: m.size.x,
            direction,
            s: -m.size.y / 2.0 + 0.5,
            o: 0.0,
            v: 0.0,
            wish_v: self.wish_ms * eager,
            paint: self.dice.pick(m.paints),
            cloth: self.dice.pick(CLOTHS),
            wrong_way: false,
            stood_s: 0.0,
            halted_by: None,
            on_foot_for: None,
            aim_o: 0.0,
            next_choice_s: 0.0,
            drift: 0.0,
        }
    }

    fn enter(&mut self, direction: Direction, models: &[Model]) -> bool {
        let total: f32 = self.mix.iter().map(|m| m.1).sum();
        let mut left = self.dice.range(0.0, total);
        let class = self
            .mix
            .iter()
            .find(|m| {
                left -= m.1;
                left <= 0.0
            })
            .map_or(Class::Motorcycle, |m| m.0);
        let mut v = self.new_vehicle(direction, class, models);
        let (lo, hi) = self.span(direction);
        let side = if direction == Direction::Inbound { -1.0 } else { 1.0 };
        v.o = if v.rides() {
            // Most ride outside; some among the cars.
            let t = self.dice.unit();
            mix(hi - v.width / 2.0, lo + v.width / 2.0 + 0.8, t * t)
        } else {
            let lanes = self.road.lanes(side);
            let lane =
                if matches!(class, Class::Truck | Class::Bus) { lanes - 1 } else { self.dice.below(lanes as usize) as u32 };
            self.lane_centre(lane) + self.dice.range(-0.22, 0.22)
        };
        v.o = v.o.clamp(lo + v.width / 2.0, hi - v.width / 2.0);
        v.aim_o = v.o;
        let gap = self
            .vehicles
            .iter()
            .filter(|u| u.direction == direction && lateral_gap(u, &v, v.o) < 0.3)
            .map(|u| u.s - u.length / 2.0 - v.s - v.length / 2.0)
            .fold(f32::MAX, f32::min);
        if gap < 4.0 {
            return false;
        }
        v.v = v.wish_v.min(gap * 0.5);
        self.vehicles.push(v);
        true
    }

    fn send_wrong_way(&mut self, direction: Direction, models: &[Model]) -> bool {
        let mut v = self.new_vehicle(direction, Class::Motorcycle, models);
        let (_, hi) = self.span(direction);
        v.wrong_way = true;
        v.s = if direction == Direction::Inbound { along(direction, 2.0) } else { along(direction, 120.0) };
        v.o = hi - v.width / 2.0;
        v.aim_o = v.o;
        v.wish_v = self.dice.range(4.0, 6.0);
        v.v = v.wish_v;
        let free = self.vehicles.iter().all(|u| {
            u.direction != direction || (u.s - v.s).abs() > (u.length + v.length) / 2.0 + 3.0 || lateral_gap(u, &v, v.o) > 0.4
        });
        if free {
            self.vehicles.push(v);
        }
        free
    }

    /// Somebody begins to walk on the carriageway, as soon as nobody is in the way.
    fn step_off_the_kerb(&mut self, event: usize, direction: Direction, at_m: f32, models: &[Model]) {
        let mut v = self.new_vehicle(direction, Class::Person, models);
        let (_, hi) = self.span(direction);
        v.on_foot_for = Some(event);
        v.s = along(direction, at_m);
        v.o = hi - 0.9;
        v.aim_o = v.o;
        v.wish_v = self.dice.range(0.9, 1.4);
        v.v = v.wish_v;
        let free = self.vehicles.iter().all(|u| {
            u.direction != direction || (u.s - v.s).abs() > (u.length + v.length) / 2.0 + 4.0 || lateral_gap(u, &v, v.o) > 0.4
        });
        if free {
            self.vehicles.push(v);
        }
    }

    /// Free road ahead of vehicle `i` if it rode at `o`: gap and the speed of whoever ends it.
    fn ahead(&self, order: &[usize], i: usize, o: f32, margin: f32) -> (f32, f32) {
        let me = &self.vehicles[i];
        let mut best = (f32::MAX, 0.0);
        for &j in order {
            let u = &self.vehicles[j];
            if j == i || (u.s - me.s) * if me.wrong_way { -1.0 } else { 1.0 } <= 0.0 {
                continue;
            }
            let gap = (u.s - me.s).abs() - (u.length + me.length) / 2.0;
            if gap < best.0 && lateral_gap(u, me, o) < margin {
                let toward = if u.wrong_way == me.wrong_way { u.v } else { -u.v };
                best = (gap, toward);
            }
        }
        best
    }

    fn choose_line(&mut self, order: &[usize], k: usize, t: f64) {
        let i = order[k];
        let me = &self.vehicles[i];
        if t < me.next_choice_s || me.wrong_way || me.halted_by.is_some() || me.on_foot_for.is_some() {
            return;
        }
        let (lo, hi) = self.span(me.direction);
        let (lo, hi) = (lo + me.width / 2.0, hi - me.width / 2.0);
        let (class, o, v, rides) = (me.class, me.o, me.v, me.rides());
        let choices: Vec<f32> = if rides {
            [-1.6f32, -0.9, -0.45, 0.0, 0.45, 0.9, 1.6].iter().map(|d| (o + d).clamp(lo, hi)).collect()
        } else {
            let side = if me.direction == Direction::Inbound { -1.0 } else { 1.0 };
            let lane = self.lane_of(o).min(self.road.lanes(side) - 1);
            let mut c = vec![me.aim_o];
            if v > 1.5 && class == Class::Car {
                c.extend((0..self.road.lanes(side)).filter(|l| l.abs_diff(lane) == 1).map(|l| self.lane_centre(l)));
            }
            c
        };
        let slow_lane_bias = if rides { 1.6 } else { 0.0 };
        let mut best = (f32::MIN, o);
        for c in choices {
            let (gap, u) = self.ahead(order, i, c, if rides { 0.35 } else { 0.5 });
            let room = gap.min(35.0);
            let pace = if gap < 35.0 { u.min(v + 2.0) } else { v + 2.0 };
            let worth = room * 0.35 + pace * 1.2 - (c - o).abs() * if rides { 0.9 } else { 1.6 }
                + slow_lane_bias * ((c - lo) / (hi - lo))
                - if u < -0.5 { 20.0 } else { 0.0 };
            if worth > best.0 {
                best = (worth, c);
            }
        }
        let wait = f64::from(self.dice.range(0.5, 1.2)) * if rides { 1.0 } else { 3.0 };
        let me = &mut self.vehicles[i];
        me.aim_o = best.1;
        me.next_choice_s = t + wait;
    }

    fn sideways(&mut self, order: &[usize], k: usize, dt: f32) {
        let i = order[k];
        let me = &self.vehicles[i];
        let limit = (0.25 * me.v).min(if me.rides() { 1.3 } else { 0.9 });
        let want = ((me.aim_o - me.o) / 0.5).clamp(-limit, limit);
        let to = me.o + want * dt;
        // Never closer beside anyone than kept clear, unless it only moves apart.
        let free = order.iter().all(|&j| {
            let u = &self.vehicles[j];
            j == i
                || (u.s - me.s).abs() > (u.length + me.length) / 2.0 + CLEAR_M + 0.2
                || lateral_gap(u, me, to) > CLEAR_M
                || lateral_gap(u, me, to) >= lateral_gap(u, me, me.o)
        });
        let me = &mut self.vehicles[i];
        let (moved, rate) = if free { (to, want) } else { (me.o, 0.0) };
        me.o = moved;
        me.drift += (rate - me.drift) * 0.35;
    }

    fn forward(&mut self, order: &[usize], k: usize, slow: &[Slow], dt: f32) {
        let i = order[k];
        let me = &self.vehicles[i];
        let (mut gap, mut lead_v) = self.ahead(order, i, me.o, CLEAR_M - 0.02);
        let body_gap = gap;
        let mut wish = me.wish_v;
        if !me.wrong_way && me.on_foot_for.is_none() {
            for p in slow.iter().filter(|p| p.direction == me.direction) {
                let to = p.from_s - me.s - me.length / 2.0;
                if to > 0.0 && p.v < 0.1 && to < gap {
                    (gap, lead_v) = (to, 0.0);
                } else if to < 8.0 && to > -14.0 && p.v > 0.1 {
                    wish = wish.min(p.v);
                }
            }
            if let Some(at) = me.halted_by.and_then(|e| self.halt_s(e)) {
                let to = at - me.s;
                if to < gap {
                    (gap, lead_v) = (to.max(0.0), 0.0);
                }
            }
        }
        let (a_max, b, headway, jam_gap) = match me.class {
            Class::Motorcycle => (2.2, 2.6, 0.7, 0.7),
            Class::Bicycle => (0.9, 2.0, 0.8, 0.7),
            Class::Bus | Class::Truck => (1.0, 2.0, 1.4, 2.0),
            _ => (1.6, 2.2, 1.1, 1.6),
        };
        let v = me.v;
        let wanted_gap = jam_gap + (v * headway + v * (v - lead_v) / (2.0 * f32::sqrt(a_max * b))).max(0.0);
        let pull = 1.0 - (v / wish.max(0.1)).powi(4) - if gap < 300.0 { (wanted_gap / gap.max(0.1)).powi(2) } else { 0.0 };
        let accel = (a_max * pull).clamp(-8.0, a_max);
        let mut new_v = (v + accel * dt).max(0.0);
        // Whatever the law says, bodies stay apart; two that meet head-on each keep to their half of what is left.
        let room = if lead_v < 0.0 { (body_gap - CLEAR_M) / 2.0 } else { body_gap - CLEAR_M };
        new_v = new_v.min((room / dt).max(0.0));
        let me = &mut self.vehicles[i];
        me.v = new_v;
        me.stood_s = if new_v < 0.3 { me.stood_s + dt } else { 0.0 };
        me.s += new_v * dt * if me.wrong_way { -1.0 } else { 1.0 };
    }

    /// The pair of vehicles that share ground, if any do.
    #[cfg(test)]
    pub fn overlap(&self) -> Option<(u32, u32)> {
        for (i, a) in self.vehicles.iter().enumerate() {
            for b in &self.vehicles[i + 1..] {
                if a.direction == b.direction
                    && (a.s - b.s).abs() < (a.length + b.length) / 2.0 - 0.01
                    && lateral_gap(a, b, b.o) < -0.01
                {
                    return Some((a.id, b.id));
                }
            }
        }
        None
    }
}

/// Free width between `u` and `me`, were `me` at `o`; negative where they overlap.
fn lateral_gap(u: &Vehicle, me: &Vehicle, o: f32) -> f32 {
    (u.o - o).abs() - (u.width + me.width) / 2.0
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::render::models;
    use crate::scenario::Scenario;

    fn run(events: &str, seconds: u32, mut look: impl FnMut(&Traffic, f64)) {
        let text = format!(
            "seed = 1\n[[camera]]\nid = \"a\"\ntraffic = {{ inbound_per_h = 5000, outbound_per_h = 3000, mix = {{ motorcycle = 0.6, car = 0.3, truck = 0.05, bus = 0.05 }} }}\n{events}"
        );
        let scenario = Scenario::parse(&text, Path::new("test.toml")).expect("a scenario");
        let models = models::all();
        for seed in 0..4 {
            let mut traffic =
                Traffic::new(&scenario.cameras[0], Script::new(&scenario, &scenario.cameras[0].events), &models, seed, 3.0);
            for step in 0..seconds * 10 {
                let t = f64::from(step) * STEP_S;
                traffic.advance(t, &models);
                look(&traffic, t);
            }
        }
    }

    #[test]
    fn two_vehicles_never_share_ground() {
        let everything = "[[camera.event]]\nkind = \"jam\"\nat_s = 20\nuntil_s = 80\ndirection = \"inbound\"\n\
            [[camera.event]]\nkind = \"stopped\"\nat_s = 10\nuntil_s = 60\ndirection = \"outbound\"\n\
            [[camera.event]]\nkind = \"wrong_way\"\nat_s = 5\ndirection = \"outbound\"\nevery_s = 8\n\
            [[camera.event]]\nkind = \"signal\"\nat_s = 60\ndirection = \"outbound\"\ngreen_s = 10\nred_s = 20\n";
        run(everything, 120, |traffic, t| {
            assert_eq!(traffic.overlap(), None, "at {t} s");
            for v in &traffic.vehicles {
                assert!(v.v >= 0.0 && v.v < 25.0 && v.s.is_finite() && v.o > 0.0, "{v:?}");
            }
        });
    }

    #[test]
    fn who_comes_the_wrong_way_blocks_the_street_for_no_longer_than_a_moment() {
        let riders = ["inbound", "outbound"]
            .map(|d| format!("[[camera.event]]\nkind = \"wrong_way\"\nat_s = 0\ndirection = \"{d}\"\nevery_s = 15\n"));
        let mut came = std::collections::BTreeSet::new();
        run(&riders.concat(), 600, |traffic, t| {
            for v in traffic.vehicles.iter().filter(|v| v.wrong_way) {
                came.insert((v.id, v.direction == Direction::Inbound));
                assert!(v.stood_s <= GIVES_UP_S + 0.2, "at {t} s: {v:?}");
            }
            let standing = traffic.vehicles.iter().filter(|v| v.stood_s > 20.0).count();
            assert!(standing == 0, "{standing} vehicles have stood for 20 s at {t} s");
        });
        assert!(came.len() > 100, "only {} came", came.len());
    }

    #[test]
    fn every_class_of_the_mix_comes_in() {
        for class in [Class::Motorcycle, Class::Car, Class::Truck, Class::Bus] {
            let mut frames = 0;
            run("", 120, |traffic, _| frames += usize::from(traffic.vehicles.iter().any(|v| v.class == class)));
            assert!(frames > 200, "{class:?} in {frames} of 4800 frames");
        }
    }

    #[test]
    fn traffic_flows_until_the_bottleneck_closes_and_flows_again_after() {
        let mean_v = |traffic: &Traffic| {
            let on: Vec<f32> = traffic
                .vehicles
                .iter()
                .filter(|v| v.direction == Direction::Inbound && (8.0..60.0).contains(&v.place().1))
                .map(|v| v.v)
                .collect();
            // Nobody is in nobody's way.
            if on.is_empty() { f32::INFINITY } else { on.iter().sum::<f32>() / on.len() as f32 }
        };
        run("[[camera.event]]\nkind = \"jam\"\nat_s = 20\nuntil_s = 100\ndirection = \"inbound\"\n", 200, |traffic, t| {
            if t < 5.0 {
                // Whoever was placed at the start has yet to find a speed.
            } else if t < 20.0 {
                assert!(!traffic.jammed(Direction::Inbound), "a jam at {t} s");
                assert!(mean_v(traffic) > 4.0, "only {} m/s at {t} s", mean_v(traffic));
            } else if (75.0..100.0).contains(&t) {
                assert!(traffic.jammed(Direction::Inbound) && mean_v(traffic) < 2.5, "{} m/s at {t} s", mean_v(traffic));
                assert!(!traffic.jammed(Direction::Outbound));
            } else if t > 180.0 {
                assert!(mean_v(traffic) > 4.0, "still {} m/s at {t} s", mean_v(traffic));
            }
        });
    }

    #[test]
    fn whoever_is_told_to_stand_stands_where_told_and_drives_on_when_released() {
        let mut stood = 0;
        run(
            "[[camera.event]]\nkind = \"stopped\"\nat_s = 5\nuntil_s = 60\ndirection = \"outbound\"\nat_m = 30\n",
            90,
            |traffic, t| {
                if let Some(v) = traffic.standing_for(0) {
                    assert!((24.0..32.0).contains(&v.place().1), "stands at {} m", v.place().1);
                    stood += 1;
                }
                if t > 61.0 {
                    assert!(traffic.vehicles.iter().all(|v| v.halted_by.is_none()));
                }
            },
        );
        assert!(stood > 4 * 200, "stood for {stood} steps of four runs");
    }
}
