"""prototype"""
import json, sys, time
from collections import Counter, defaultdict
import numpy as np, onnx, torch
from benchmarks.rebuilt import FIXTURES, rebuild
from rewriter.evidence.tracing import record, Mode
from rewriter.evidence import activations
from rewriter.model.graph import GraphIndex
from rewriter.runtime.intermediates import intermediates
from rewriter.runtime.fingerprints import fingerprint
from rewriter.runtime.signature import signature

torch.set_num_threads(1)
details = "-d" in sys.argv
names = [a for a in sys.argv[1:] if not a.startswith("-")] or sorted(p.parent.name for p in FIXTURES.glob("*/make.py"))
tot = defaultdict(Counter)
for name in names:
    module, inputs, options = rebuild(name)
    truth = json.loads((FIXTURES/name/"truth.json").read_text())
    alias = {n: m["path"] for m in truth["modules"] for n in (m["path"], *m.get("aliases", ()))}
    recs = {}
    for mode in Mode:
        try: recs[mode] = record(module, tuple(inputs.values()), mode)
        except Exception as e: print(name, mode, type(e))
    for variant, file in truth["files"].items():
        path = FIXTURES/name/f"{variant}.onnx"
        model = onnx.load(path, load_external_data=False)
        sig = signature(model)
        feeds = {s.name: inputs[s.name].numpy() for s in sig}
        t=time.time()
        found = intermediates(model, path.parent, feeds)
        graph = GraphIndex(model)
        ff={k: fingerprint(v) for k, v in feeds.items()}
        best={}
        for mode, r in recs.items():
            best[mode] = activations.match(graph, r, found, ff)
        mode = max(best, key=lambda m: len(best[m][0])*(0.98 if m == 'plain' else 1))
        if "-m" in sys.argv: mode = sys.argv[sys.argv.index("-m")+1].upper()
        rec, (value_of, cls) = recs[mode], best[mode]
        call, how = activations.place(graph, rec, value_of, cls)
        c = Counter(); h=defaultdict(Counter)
        for n, node in enumerate(graph.nodes):
            if node.name not in file["nodes"]: continue
            true = file["nodes"][node.name][0]; true = alias.get(true, true)
            if n not in call: k = "unplaced"; got=None
            else:
                got = rec.calls[call[n]].module
                k = "exact" if got == true else "ancestor" if got.holds(true) else "wrong"
            c[k]+=1; h[how.get(n)][k]+=1
            if details and k!="exact": print("  ",name,variant,n,node.op_type,node.name,"got",got,"true",true,how.get(n), [rec.steps[rec.makers[value_of[v]]].operator for v in graph.writes[n] if v in value_of and rec.makers[value_of[v]]>=0])
        s=sum(c.values())
        print(f"{name:22}{variant:8}{mode:8} {' '.join(str(len(x[0])) for x in best.values()):15} {s:5} exact {100*c['exact']/max(s,1):6.2f} anc {c['ancestor']:3} wrong {c['wrong']:3} unpl {c['unplaced']:3}  ", {k:dict(v) for k,v in h.items() if set(v)-{'exact'}}, flush=True)
        
        for k,v in h.items():
            for kk,vv in v.items(): tot["how "+str(k)][kk]+=vv
        tot[variant]+=c; tot["all"]+=c
for v,c in tot.items():
    s=sum(c.values()); print(v, s, {k: f"{100*x/s:.2f}" for k,x in c.items()})
