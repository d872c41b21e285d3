"""prototype"""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

from rewriter.evidence.recording import NOWHERE, Recording
from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import common_ancestor, ModulePath
from rewriter.runtime.fingerprints import Fingerprint

RTOL = 1e-3


def slog(x):
    return np.sign(x) * np.log1p(np.abs(x))


class Lookup:
    def __init__(self, prints, rtol=RTOL):
        self.rtol = rtol
        groups = defaultdict(list)
        for n, p in enumerate(prints):
            if p is not None:
                groups[p.kind, p.size].append(n)
        self.prints = prints
        self.groups = {}
        for k, members in groups.items():
            samples = np.array([prints[m].sample for m in members])
            keys = slog(samples).mean(axis=1)
            order = np.argsort(keys, kind="stable")
            self.groups[k] = (np.array(members)[order], samples[order], keys[order])

    def find(self, p: Fingerprint):
        g = self.groups.get((p.kind, p.size))
        if g is None:
            return []
        members, samples, keys = g
        r = self.rtol if p.kind == "f" else 0.0
        a = np.abs(p.sample)
        bound = float(np.max(r * (p.scale + a) / (1 + a))) + 1e-12
        k = slog(p.sample).mean()
        lo, hi = np.searchsorted(keys, [k - bound, k + bound])
        s = samples[lo:hi]
        d = np.abs(s - p.sample)
        ok = (d <= r * (p.scale + a) + 1e-300).all(axis=1)
        rows = np.flatnonzero(ok)
        return [int(m) for m in members[lo:hi][rows]]


def classes(prints, lookup):
    """torch value -> number of its class of equal values"""
    cls = [-1] * len(prints)
    n = 0
    for i, p in enumerate(prints):
        if cls[i] >= 0:
            continue
        cls[i] = n
        if p is not None:
            for j in lookup.find(p):
                if cls[j] < 0:
                    cls[j] = n
        n += 1
    return cls


def affinity(op: str, aten: str) -> int:
    a = op.lower()
    b = aten.lower().replace("_", "")
    return int(a in b or b in a)


def match(graph: GraphIndex, rec: Recording, found: Mapping[str, Fingerprint], feeds: Mapping[str, Fingerprint]):
    lookup = Lookup(rec.prints)
    cls = classes(rec.prints, lookup)
    value_of = {}  # onnx value -> torch value
    front = {}  # onnx value -> frozenset of torch classes at nearest matched ancestors
    latest = {}
    used = Counter()
    body = graph.bodies[0]
    def inputs_of(t):
        s = rec.makers[t]
        return [] if s == NOWHERE else list(rec.steps[s].inputs)
    def key(t):
        s = rec.makers[t]
        return cls[t], rec.prints[t].shape, rec.steps[s].operator if s != NOWHERE else ""
    def upstream(t):
        out = set(); todo = [t]; seen = set()
        while todo:
            for i in inputs_of(todo.pop()):
                if cls[i] == cls[t] and i not in seen:
                    seen.add(i); out.add(key(i)); todo.append(i)
        return out
    keys = {}
    for name, p in feeds.items():
        v = body.values.get(name, NONE)
        c = [t for t in lookup.find(p) if rec.homes[t] == NOWHERE]
        if v != NONE and c:
            front[v] = frozenset({cls[c[0]]})
            keys[v] = frozenset({key(c[0])})
            latest[v] = -1
    for node in order(graph):
        if graph.body_of[node] != 0:
            continue
        F = frozenset().union(*(front.get(v, frozenset()) for v in graph.reads[node] if v != NONE)) if graph.reads[node] else frozenset()
        late = max((latest.get(v, -1) for v in graph.reads[node] if v != NONE), default=-1)
        K = frozenset().union(*(keys.get(v, frozenset()) for v in graph.reads[node] if v != NONE)) if graph.reads[node] else frozenset()
        for v in graph.writes[node]:
            if v == NONE:
                continue
            front[v] = F
            keys[v] = K
            latest[v] = late
            p = found.get(graph.value_names[v])
            if p is None:
                continue
            cands = [t for t in lookup.find(p) if rec.homes[t] != NOWHERE]
            same = [t for t in cands if rec.prints[t].shape == p.shape]
            pool = same or cands
            if not pool:
                continue
            own = [t for t in pool if cls[t] in F]
            if own:
                pool = [t for t in pool if key(t) not in K and not K.isdisjoint(upstream(t))]
                if not pool:
                    continue
            weak = p.plain or p.size < 3 or not same
            def score(t):
                ins = [i for i in inputs_of(t)]
                sup = sum(cls[i] in F for i in ins) / max(1, len(ins))
                s = rec.makers[t]
                aff = affinity(graph.nodes[node].op_type, rec.steps[s].operator) if s != NOWHERE else 0
                return (sup, t > late, aff, -used[t], -t)
            best = max(pool, key=score)
            if weak and not score(best)[0]:
                continue
            value_of[v] = best
            used[best] += 1
            front[v] = frozenset({cls[best]})
            keys[v] = frozenset({key(best)})
            latest[v] = best
    return value_of, cls


def order(graph):
    done = set()
    out = []
    for start in range(len(graph.nodes)):
        stack = [(start, False)]
        while stack:
            n, ready = stack.pop()
            if ready:
                out.append(n)
                continue
            if n in done:
                continue
            done.add(n)
            stack.append((n, True))
            stack.extend((p, False) for p in graph.predecessors(n) if p not in done)
    return out


def place(graph, rec, value_of, cls):
    """node -> call, and how"""
    call = {}
    how = {}
    matched_classes = {cls[t] for t in value_of.values()}
    parents = [c.parent for c in rec.calls]
    def chain(c):
        out = []
        while c >= 0:
            out.append(c)
            c = parents[c]
        return out
    def lca(cs):
        cs = list(cs)
        common = set(chain(cs[0]))
        for c in cs[1:]:
            common &= set(chain(c))
        return max(common, key=lambda c: len(chain(c)))
    def covered(t):
        out = []
        todo = [t]
        seen = set()
        while todo:
            x = todo.pop()
            s = rec.makers[x]
            if s == NOWHERE or s in seen:
                continue
            seen.add(s)
            out.append(s)
            if len(out) > 20:
                break
            for i in rec.steps[s].inputs:
                if cls[i] not in matched_classes and rec.homes[i] != NOWHERE:
                    todo.append(i)
        return out
    for node in range(len(graph.nodes)):
        ts = [value_of[v] for v in graph.writes[node] if v in value_of]
        if ts:
            t = ts[0]
            c = rec.homes[t]
            how[node] = "match"
            op = graph.nodes[node]
            s = rec.makers[t]
            if s != NOWHERE and not affinity(op.op_type, rec.steps[s].operator) and not any(a.name == "auto_pad" for a in op.attribute):
                fits = {rec.steps[x].call for x in covered(t)[1:] if affinity(op.op_type, rec.steps[x].operator)}
                if len(fits) == 1 and c not in fits:
                    c = fits.pop()
                    how[node] = "fused"
            call[node] = c
    n = len(graph.nodes)
    prev = [None] * n
    nxt = [None] * n
    cur = None
    for i in range(n):
        if i in call:
            cur = i
        prev[i] = cur
    cur = None
    for i in reversed(range(n)):
        if i in call:
            cur = i
        nxt[i] = cur
    for node in reversed(order(graph)):
        if node in call:
            continue
        readers = [r for r in graph.successors(node)]
        cs = {call[r] for r in readers if r in call}
        p, q = prev[node], nxt[node]
        if not cs:
            continue
        if p is None and q is None:
            call[node] = min(cs)
            how[node] = "nopos"
            continue
        around = [call[x] for x in (p, q) if x is not None]
        top = lca(around)
        if p is None:
            top = 0
        allowed = {top}
        for x in around:
            allowed |= set(c for c in chain(x) if top in chain(c))
        fit = cs & allowed
        if fit:
            call[node] = call[min(r for r in readers if call.get(r) in fit)]
            how[node] = "only" if len(cs) == 1 else "first" if min(cs) in fit else "fit"
        elif len(cs) == 1 and q is not None and min(cs) < call[q] and min(cs) not in chain(call[q]):
            call[node] = min(cs); how[node] = "early"
        else:
            call[node] = top if p is not None and q is not None and call[p] != call[q] else around[0]
            how[node] = "pos=" if len(set(around)) == 1 else "poslca"
    return call, how
