#!/usr/bin/env python3
# ruff: noqa  (kept as it came with the recorded data)
"""Check a cross-entropy implementation against recorded TensorFlow values and a 60-digit reference.

    python check_golden.py golden_dev.json --impl tinygrad_xe        # the tensor API
    python check_golden.py golden_dev.json --impl my_adapter         # a module with loss_and_grads(...)
    python check_golden.py golden_dev.json --impl stored-tf          # TensorFlow's own recorded values

An adapter module defines  loss_and_grads(name, labels, logits, cot=None, **kw) -> (loss, dlogits, dlabels)
with NumPy arrays (None for "no gradient"), kw holding axis= or pos_weight=.  It may also define
hvp(name, labels, logits, v, cot=None, **kw) -> array.  Without loss_and_grads, the module is driven as
    z = M.tensor(logits, requires_grad=True); y = M.tensor(labels, requires_grad=True)
    L = M.losses.NAME(labels=y, logits=z, **kw); L.backward(cotangent); z.grad, y.grad
(binary_cross_entropy and cross_entropy take probs= instead of logits=).
Needs numpy only.  Exit status 0 when every case passes.
"""
import argparse, collections, importlib, json, os, sys
import numpy as np

SM1, SM2 = "softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2"
SP = "sparse_softmax_cross_entropy_with_logits"
PROB = ("binary_cross_entropy", "cross_entropy")
FIELDS = ("labels", "logits", "cot", "loss", "dlogits", "dlabels", "hvp_v", "hvp")


# ------------------------------------------------------------------ reading
def _getter(npz):
    for a in npz.values():
        a.flags.writeable = False  # an implementation that writes to its inputs gets an error, not another case's data

    def get(d):
        if d is None:
            return None
        buf, off, shape = d
        n = int(np.prod(shape, dtype=np.int64))
        return npz[buf][off:off + n].reshape(shape)
    return get


def load(path):
    """-> (manifest head, list of case dicts with arrays in place of their descriptors)."""
    with open(path) as f:
        man = json.load(f)
    with np.load(os.path.splitext(path)[0] + ".npz") as z:
        get = _getter({k: z[k] for k in z.files})
    cases = man.pop("cases")
    for c in cases:
        for k in FIELDS:
            if k in c:
                c[k] = get(c[k])
        c["kw"] = {k: v if k == "axis" else get(v["array"]) for k, v in c.get("kw", {}).items()}
    return man, cases


def load_ref(path):
    """-> {case id: {quantity: (hi, lo, scale)}}."""
    with open(path) as f:
        man = json.load(f)
    with np.load(os.path.splitext(path)[0] + ".npz") as z:
        get = _getter({k: z[k] for k in z.files})
    return {i: {k: (*get(a), np.ldexp(1.0, get(s).astype(int))) for k, (a, s) in r.items()} for i, r in man["cases"].items()}


# ------------------------------------------------------------------ measuring
def ulps(x, hi, lo, scale, dtype):
    """Error of x against hi+lo, in units of dtype's spacing: (strict, mixed) arrays.

    strict: spacing at the reference value.  mixed: spacing at max(|reference|, scale), and 0 for an error below four
    times the smallest normal number (so flushing subnormals to zero is no error).
    Equal infinities and nan against nan count 0; any other non-finite disagreement counts inf.
    """
    x64, info = np.asarray(x, np.float64), np.finfo(dtype)
    with np.errstate(all="ignore"):
        lim = float(info.max)
        r = np.where(np.abs(hi) > lim, np.copysign(np.inf, hi), hi)  # the truth overflows this dtype
        err = np.abs((x64 - r) - lo)
        same = (np.isnan(x64) & np.isnan(r)) | (x64 == r) & ~np.isfinite(r)
        off = ~np.isfinite(x64) | ~np.isfinite(r)

        def spacing(a):
            e = np.floor(np.log2(np.maximum(a, float(info.tiny))))
            return np.maximum(np.exp2(e - info.nmant), float(info.smallest_subnormal))

        def unit(e):
            return np.where(same, 0.0, np.where(off, np.inf, e))
        a = np.where(np.isfinite(r), np.abs(r), 0)
        flushed = err <= 4 * float(info.tiny)
        return unit(err / spacing(a)), unit(np.where(flushed, 0, err / spacing(np.maximum(a, scale))))


# ------------------------------------------------------------------ running
def tensor_api(mod):
    """Adapter for the tensor API: tensor(), losses.NAME, backward, grad."""
    def loss_and_grads(name, labels, logits, cot=None, **kw):
        y = mod.tensor(labels, requires_grad=True) if labels.dtype.kind == "f" else mod.tensor(labels)
        z = mod.tensor(logits, requires_grad=True)
        first = "probs" if name in PROB else "logits"
        L = getattr(mod.losses, name)(labels=y, **{first: z}, **kw)
        loss = L.numpy() if callable(getattr(L, "numpy", None)) else np.asarray(L.data)
        L.backward(np.ones_like(loss) if cot is None else cot)

        def arr(g):
            return None if g is None else g.numpy() if callable(getattr(g, "numpy", None)) else np.asarray(getattr(g, "data", g) if not isinstance(g, np.ndarray) else g)
        return np.asarray(loss), arr(z.grad), arr(getattr(y, "grad", None))
    return loss_and_grads


def tensor_hvp(M):
    """Second order through create_graph: the gradient in the logits of <dlogits, v>."""
    def hvp(name, labels, logits, v, cot=None, **kw):
        key = "probs" if name in PROB else "logits"
        z = M.tensor(logits, requires_grad=True)
        loss = getattr(M.losses, name)(labels=labels, **{key: z}, **kw)
        loss.backward(np.ones_like(loss.data) if cot is None else cot, create_graph=True)
        g, z.grad = z.grad, None
        (g * v).sum().backward()
        h = z.grad
        return h if isinstance(h, np.ndarray) else h.numpy() if callable(getattr(h, "numpy", None)) else np.asarray(h.data)
    return hvp


def stored_tf(cases):
    by_key = {id(c["logits"]): c for c in cases}

    def loss_and_grads(name, labels, logits, cot=None, **kw):
        c = by_key[id(logits)]
        if "error" in c:
            raise ValueError(c["error"]["message"])
        return c["loss"], c.get("dlogits"), c.get("dlabels")

    def hvp(name, labels, logits, v, cot=None, **kw):
        return by_key[id(logits)]["hvp"]
    return loss_and_grads, hvp


def check_case(c, ref, run, hvp, opt):
    """-> (problems, strict {quantity: array}, mixed {quantity: array}, notes)."""
    probs, strict, mixed, notes = [], {}, {}, []
    group = c["group"].split("/")[0]
    may_raise = group in ("dtype-mismatch", "rank-0") or group == "shape-mismatch" and c.get("error", {}).get("phase") != "loss"
    must_raise = "error" in c and not may_raise
    kw = dict(c["kw"])
    try:
        with np.errstate(all="ignore"):
            loss, dz, dy = run(c["name"], c["labels"], c["logits"], cot=c.get("cot"), **kw)
    except Exception as e:
        if must_raise or may_raise:
            ok = isinstance(e, (ValueError, TypeError, IndexError))
            return ([] if ok or opt.any_error else [f"raised {type(e).__name__}, expected ValueError, TypeError or IndexError: {e}"]), {}, {}, ["raised"]
        return [f"raised {type(e).__name__}: {str(e)[:160]}"], {}, {}, []
    if must_raise:
        return [f"should raise (TensorFlow: {c['error']['type']}: {c['error']['message'][:80]})"], {}, {}, []
    got = dict(loss=loss, dlogits=dz, dlabels=dy)
    if c["name"] in (SM1, SP) and dy is not None:
        probs.append("labels got a gradient")
    got["dlabels"] = None if c["name"] in (SM1, SP) else dy
    if hvp is not None and c.get("hvp") is not None and not opt.no_hvp:
        try:
            got["hvp"] = hvp(c["name"], c["labels"], c["logits"], c["hvp_v"], cot=c.get("cot"), **kw)
        except Exception as e:
            probs.append(f"hvp raised {type(e).__name__}: {str(e)[:120]}")
    edge = group.startswith("nonfinite")
    for k, x in got.items():
        truth, tf = ref.get(k), c.get(k)
        if truth is None and tf is None:
            continue
        if x is None:
            if not (k == "dlabels" and c["labels"].dtype.kind != "f"):
                probs.append(f"{k}: no value")
            continue
        x = np.asarray(x)
        want_shape = tf.shape if tf is not None else truth[0].shape
        if x.shape != want_shape:
            probs.append(f"{k}: shape {x.shape}, expected {want_shape}")
            continue
        dt = c["logits"].dtype
        if x.dtype != dt and group != "dtype-mismatch" and not opt.any_dtype:
            probs.append(f"{k}: dtype {x.dtype}, expected {dt}")
        if x.size == 0:
            continue
        if truth is not None:
            s, m = ulps(x, *truth, dt)
        else:
            s = m = ulps(x, np.asarray(tf, np.float64), 0.0, np.maximum(np.abs(tf), 1), dt)[1]
        ok = ~(m > opt.ulp)
        if group == "nonfinite-labels" and truth is not None:  # a nan or inf label: any non-finite answer will do
            loose = ~np.isfinite(x) & ~np.isfinite(truth[0])
            ok, s, m = ok | loose, np.where(loose, 0, s), np.where(loose, 0, m)
        if tf is not None and truth is not None and (opt.expect in ("tf", "either") or edge and not opt.strict_limits):
            mt = ulps(x, np.asarray(tf, np.float64), 0.0, np.where(np.isfinite(tf), truth[2], 0), dt)[1]
            near = ~(mt > opt.ulp)
            if opt.expect == "tf":
                s, m, ok = ulps(x, np.asarray(tf, np.float64), 0.0, 0.0, dt)[0], mt, near
            else:
                if (near & ~ok).any():
                    notes.append(f"{k}: {int((near & ~ok).sum())} elements as TensorFlow, not as the limit")
                s, m = np.where(near & ~ok, 0, s), np.where(near & ~ok, 0, m)
                ok = ok | near
        strict[k], mixed[k] = s, m
        if not ok.all():
            i = tuple(int(t) for t in np.unravel_index(np.argmax(np.where(ok, -1, np.minimum(m, 1e300))), x.shape))
            want = truth[0][i] if truth is not None and opt.expect != "tf" else tf[i]
            probs.append(f"{k}{list(i)}: got {x[i]!r}, expected {want!r} ({m[i]:.3g} ulp; {int((~ok).sum())} of {x.size} elements)")
    return probs, strict, mixed, notes


def main(argv=None):
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("golden", help="golden_<split>.json (its .npz and mpref_<split>.* lie beside it)")
    ap.add_argument("--impl", required=True)
    ap.add_argument("--ulp", type=float, default=16, help="largest mixed error allowed (default 16)")
    ap.add_argument("--expect", choices=("truth", "tf", "either"), default="truth", help="what a finite value must agree with")
    ap.add_argument("--strict-limits", action="store_true", help="at inf/nan inputs accept only the limit, not TensorFlow's nan")
    ap.add_argument("--any-error", action="store_true", help="accept any exception type where an error is due")
    ap.add_argument("--any-dtype", action="store_true", help="do not compare result dtypes")
    ap.add_argument("--no-hvp", action="store_true", help="leave second-order checks out")
    ap.add_argument("--only", default="", help="only cases whose 'name group' contains this")
    ap.add_argument("--skip", action="append", default=[], help="leave out cases whose 'name group' contains this")
    ap.add_argument("--fail", type=int, default=20, help="how many failing cases to print")
    ap.add_argument("--per-case", help="write {case: {quantity: [strict max, strict p99, mixed max, mixed p99]}} here")
    opt = ap.parse_args(argv)
    head, cases = load(opt.golden)
    d, b = os.path.split(opt.golden)
    ref = load_ref(os.path.join(d, b.replace("golden_", "mpref_")))
    if opt.impl == "stored-tf":
        run, hvp = stored_tf(cases)
    else:
        sys.path.insert(0, os.getcwd())
        mod = importlib.import_module(opt.impl)
        if hasattr(mod, "loss_and_grads"):
            run, hvp = mod.loss_and_grads, getattr(mod, "hvp", None)
        else:
            run, hvp = tensor_api(mod), tensor_hvp(mod)
    tally = collections.OrderedDict()
    bad, note_count, per_case = [], 0, {}
    for c in cases:
        tag = f"{c['name']} {c['group']}"
        if opt.only not in tag or any(s in tag for s in opt.skip) or (opt.impl == "stored-tf" or opt.expect == "tf") and c["source"] != "tensorflow":
            continue
        probs, strict, mixed, notes = check_case(c, ref.get(c["id"], {}), run, hvp, opt)
        t = tally.setdefault(c["name"], dict(n=0, ok=0, strict=0.0, mixed=0.0))
        t["n"] += 1
        t["ok"] += not probs
        note_count += sum(n != "raised" for n in notes)
        for q in ("strict", "mixed"):
            for a in (strict if q == "strict" else mixed).values():
                t[q] = max(t[q], float(a.max()))
        per_case[c["id"]] = {k: [float(f"{v:.4g}") for a in (strict[k], mixed[k]) for v in (a.max(), np.percentile(a, 99, method="higher"))] for k in strict}
        if probs:
            bad.append((c, probs))
    for c, probs in bad[:opt.fail]:
        print(f"FAIL {c['id']} {c['name']} [{c['group']}] {c['logits'].dtype} {c['logits'].shape} {c['kw'] or ''}")
        for p in probs:
            print("     ", p)
    if len(bad) > opt.fail:
        print(f"... and {len(bad) - opt.fail} more failing cases")
    print(f"{'function':<44}{'passed':>10}{'worst ulp':>14}{'worst strict ulp':>20}")
    for n, t in tally.items():
        print(f"{n:<44}{t['ok']:>5}/{t['n']:<4}{t['mixed']:>14.4g}{t['strict']:>20.4g}")
    if note_count:
        print(f"{note_count} quantities accepted as TensorFlow's non-finite value rather than the limit (--strict-limits refuses them)")
    if opt.per_case:
        with open(opt.per_case, "w") as f:
            json.dump(per_case, f)
    n, k = sum(t["n"] for t in tally.values()), sum(t["ok"] for t in tally.values())
    worst = max((t["mixed"] for t in tally.values()), default=0.0)
    print(f"golden: {k}/{n} passed, worst {worst:.4g} ulp")
    return 0 if k == n and n else 1


if __name__ == "__main__":
    sys.exit(main())
