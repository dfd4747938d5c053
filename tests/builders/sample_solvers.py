"""Solvers of the sample problems (data/sample_traces.jsonl), independent of the traces.

Each solver computes the reference answer from the numbers of the problem, by search or simulation if possible, and
returns it in the format of the boxed answers in the traces.
"""

import datetime
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, count, pairwise, permutations, product
from math import gcd, isqrt


def cafe(paid=40, price=6):
    """Play it through: trade as soon as the card allows it."""
    stamps = drinks = 0
    while paid or stamps >= price:
        if stamps >= price:
            stamps -= price
        else:
            paid -= 1
        stamps += 1
        drinks += 1
    return str(drinks)


def library_fine(late_days=23, first_weekday=2, cheap_days=5, cheap=15, dear=25):
    """Walk through the calendar; Monday is 0, so Wednesday is 2 and Sunday 6."""
    fine = charged = 0
    for day in range(late_days):
        if (first_weekday + day) % 7 != 6:
            charged += 1
            fine += cheap if charged <= cheap_days else dear
    return str(fine)


def lamps(length=120, old=8, new=5):
    before = {(side, x) for side in "LR" for x in range(0, length + 1, old)}
    after = {(side, x) for side in "LR" for x in range(0, length + 1, new)}
    return str(len(after - before))


def cistern(a=8, b=12, crack=24, opens=2, steps_per_hour=120):
    """Fill the cistern in small exact steps."""
    step, t, level = Fraction(1, steps_per_hour), Fraction(0), Fraction(0)
    while level < 1:
        rate = Fraction(1, a) + Fraction(1, b)
        if t >= opens:
            rate -= Fraction(1, crack)
        level += rate * step
        t += step
    assert level == 1, "the steps miss the moment when it is full"
    return str(t)


def syrup(volume=900, percent=20, out=300, target=25):
    inside = Fraction(percent, 100) * volume
    inside -= Fraction(out, volume) * inside
    amounts = [x for x in range(10 * volume) if (inside + x) / (volume + x) == Fraction(target, 100)]
    assert len(amounts) == 1
    return str(amounts[0])


def lena(total=34, ahead=5, ago=3):
    ages = [age for age in range(total + 1) if age + ahead == 2 * (total - age - ago)]
    assert len(ages) == 1
    return str(ages[0])


def squares(b=5, c=6, reach=1000):
    """Integer search; four roots are all that |x^2 - bx| = c can have."""
    roots = [x for x in range(-reach, reach + 1) if abs(x * x - b * x) == c]
    assert len(roots) == 4
    return str(sum(x * x for x in roots))


def reciprocals(shift=2, right=Fraction(5, 12)):
    """Search small fractions; two roots are all that the equation can have."""
    tries = {Fraction(p, q) for q in range(1, 13) for p in range(-200, 201)}
    roots = [x for x in tries if x not in (0, -shift) and 1 / x + 1 / (x + shift) == right]
    assert len(roots) == 2
    return str(sum(roots))


def tulips():
    return str(next(n for n in range(1, 10_000) if n % 6 == 4 and n % 8 == 6 and n % 10 == 8))


def count_gcd():
    return str(sum(gcd(n, 60) == 12 for n in range(1, 201)))


def digit_sum_ten():
    return str(sum(n % 4 == 0 and sum(map(int, str(n))) == 10 for n in range(100, 1000)))


def twos_and_threes():
    return str(next(n for n in range(12, 1_000_000, 12) if set(str(n)) <= set("23")))


def b01():
    return str(sum(1 for s in product("ABC", repeat=5) if set(s) == set("ABC") and all(x != y for x, y in pairwise(s))))


def b02():
    return str(
        sum(
            1
            for c in combinations(range(1, 11), 4)
            if all(y - x > 1 for x, y in pairwise(c)) and (c[0] == 1 or c[-1] == 10)
        )
    )


def b03():
    closed = {(2, 2), (4, 3)}

    def routes(x, y):
        if (x, y) in closed or x > 5 or y > 4:
            return 0
        if (x, y) == (5, 4):
            return 1
        return routes(x + 1, y) + routes(x, y + 1)

    return str(routes(0, 0))


def b04():
    # Ada sits in seat 0, which takes care of the rotations.
    count = 0
    for order in permutations("BCDEFG"):
        seat = {"A": 0}
        seat.update((who, i) for i, who in enumerate(order, 1))

        def near(p, q, seat=seat):
            return (seat[p] - seat[q]) % 7 in (1, 6)

        count += near("A", "B") and not near("C", "D")
    return str(count)


def b05():
    bag = "R" * 5 + "B" * 4 + "G" * 3
    draws = list(combinations(bag, 3))
    return str(Fraction(sum(len(set(d)) == 2 for d in draws), len(draws)))


def b06():
    rolls = [r for r in product(range(1, 7), repeat=3) if sum(r) == 11]
    return str(Fraction(sum(5 in r for r in rolls), len(rolls)))


def b07():
    # Solve h_k = up*h_{k+1} + down*h_{k-1} for k = 1..4 by Gaussian elimination.
    up, down, n = Fraction(2, 3), Fraction(1, 3), 5
    rows = []
    for k in range(1, n):
        row = [Fraction(0)] * n  # unknowns h_1..h_4, then the right-hand side
        row[k - 1] = Fraction(1)
        if k > 1:
            row[k - 2] = -down
        if k + 1 < n:
            row[k] = -up
        else:
            row[n - 1] = up
        rows.append(row)
    m = len(rows)
    for i in range(m):
        p = next(r for r in range(i, m) if rows[r][i] != 0)
        rows[i], rows[p] = rows[p], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(m):
            if r != i:
                rows[r] = [v - rows[r][i] * w for v, w in zip(rows[r], rows[i], strict=True)]
    return str(rows[1][-1])


def b08():
    # Both boxes hold six bulbs, so all ordered draws of three are equally likely.
    two_good = three_good = 0
    for box in ("GGGGFF", "GGGGGF"):
        for d in permutations(box, 3):
            two_good += d[:2] == ("G", "G")
            three_good += d == ("G", "G", "G")
    return str(Fraction(three_good, two_good))


def b09():
    a = [2, 5]
    while len(a) < 100:
        a.append(a[-1] - a[-2] + 1)
    return str(sum(a))


def b10():
    return str(sum(Fraction(1, k * (k + 3)) for k in range(1, 8)))


def b11():
    wins = [False]  # wins[n]: the player to move wins with n stones
    for n in range(1, 61):
        wins.append(any(n >= m and not wins[n - m] for m in (1, 4, 5)))
    return str(wins[1:].count(False))


def b12():
    moves = [sum(1 << ((i + j) % 9) for j in range(3)) for i in range(9)]
    reached, todo = {0}, [0]
    while todo:
        state = todo.pop()
        for m in moves:
            if state ^ m not in reached:
                reached.add(state ^ m)
                todo.append(state ^ m)
    return str(len(reached))


def c01():
    """Project B and D on AC with coordinates."""
    w, h = 24, 10
    diag2 = w * w + h * h
    diag = isqrt(diag2)
    assert diag * diag == diag2
    t_p = Fraction(w * w, diag2)  # B = (w, 0) on C = (w, h): B.C / C.C
    t_q = Fraction(h * h, diag2)  # D = (0, h)
    return str(abs(t_p - t_q) * diag)


def c02():
    """Search the height at which the circle between the bases touches a leg."""
    short, long = 8, 18
    areas = []
    for h4 in range(1, 400):
        h = Fraction(h4, 4)
        x0, x1 = Fraction(long, 2), Fraction(short, 2)  # leg (x0, 0)-(x1, h)
        dx, dy = x1 - x0, h
        cross = dx * (h / 2) - dy * (0 - x0)  # center (0, h/2)
        if cross**2 == (h / 2) ** 2 * (dx**2 + dy**2):
            areas.append(h * (short + long) / 2)
    (area,) = areas
    return str(area)


def c03():
    """Largest p/q for which the triangle, laid on one edge, is wide enough at that height."""
    edges = (9, 12, 15)
    best = Fraction(0)
    for i in range(3):
        base, second, third = edges[i], edges[(i + 1) % 3], edges[(i + 2) % 3]
        ax = Fraction(base**2 + second**2 - third**2, 2 * base)  # apex (ax, ay)
        ay2 = second**2 - ax**2
        ay = Fraction(isqrt(ay2.numerator), isqrt(ay2.denominator))
        assert ay * ay == ay2
        for q in range(1, 61):
            for p in range(1, 15 * q):
                s = Fraction(p, q)
                if s <= best or s > ay:
                    continue
                x_left = ax * s / ay
                x_right = base - (base - ax) * s / ay
                if x_right - x_left >= s:
                    best = s
    return str(best)


def c04():
    """Search F = (x, 12) on CD with an exact 45 degree test, then the shoelace formula."""
    side, be = 12, 4
    e = (Fraction(side), Fraction(be))
    areas = set()
    for q in range(1, 13):
        for p in range(0, side * q + 1):
            f = (Fraction(p, q), Fraction(side))
            dot = e[0] * f[0] + e[1] * f[1]
            norm2 = (e[0] ** 2 + e[1] ** 2) * (f[0] ** 2 + f[1] ** 2)
            if dot > 0 and 2 * dot**2 == norm2:
                areas.add(abs(e[0] * f[1] - e[1] * f[0]) / 2)
    (area,) = areas
    return str(area)


def c05():
    """Every load."""
    return str(max(8 * j + 12 * h for j in range(8) for h in range(6) if 5 * j + 7 * h <= 38))


def c06():
    """Play the game out."""

    @lru_cache(None)
    def mover_wins(n):
        return any(n >= m and not mover_wins(n - m) for m in (2, 3, 5))

    return str(sum(not mover_wins(n) for n in range(1, 61)))


def c07():
    """Every price; money in cents."""
    best = max((900 + 50 * k) * min(90, 120 - 4 * k) for k in range(31))
    return str(Fraction(best, 100))


def c08():
    """Every whole-number sum s = x + y (s and 29 - s are the roots of one monic integer quadratic)."""
    values = []
    for s in range(1, 29):
        p = 29 - s
        if s * p == 180 and s * s >= 4 * p:
            values.append(s * s - 2 * p)
    return str(max(values))


def c09():
    """Every lattice point."""
    return str(sum(abs(x) + 2 * abs(y) <= 10 and x > y for x in range(-10, 11) for y in range(-5, 6)))


def c10():
    """Let true time run minute by minute until the clock shows 15:28."""
    clock = watch = Fraction(8 * 60)
    while clock < 15 * 60 + 28:
        clock += Fraction(60 + 4, 60)
        watch += Fraction(60 - 2, 60)
    assert clock == 15 * 60 + 28
    return str(clock - watch)


def c11():
    """Walk through a real year in which March 1 is a Wednesday."""
    year = next(y for y in count(2000) if datetime.date(y, 3, 1).weekday() == 2)
    per_month = dict.fromkeys(range(3, 13), 0)
    day = datetime.date(year, 3, 1)
    while day.year == year:
        per_month[day.month] += day.weekday() == 2
        day += datetime.timedelta(days=1)
    return str(sum(n == 5 for n in per_month.values()))


def c12():
    """Simulate in steps of 1/240 hour."""
    step = Fraction(1, 240)
    t = level = Fraction(0)
    while level < 1:
        rate = Fraction(1, 6)
        if t >= 1:
            rate += Fraction(1, 10)
        if t < 2:
            rate -= Fraction(1, 15)
        level += rate * step
        t += step
    assert level == 1
    return str(t)


A_SOLVERS = {
    "a01": lambda: cafe(),
    "a02": lambda: library_fine(),
    "a03": lambda: lamps(),
    "a04": lambda: cistern(),
    "a05": lambda: syrup(),
    "a06": lambda: lena(),
    "a07": lambda: squares(),
    "a08": lambda: reciprocals(),
    "a09": lambda: tulips(),
    "a10": lambda: count_gcd(),
    "a11": lambda: digit_sum_ten(),
    "a12": lambda: twos_and_threes(),
}
B_SOLVERS = {
    "b01": lambda: b01(),
    "b02": lambda: b02(),
    "b03": lambda: b03(),
    "b04": lambda: b04(),
    "b05": lambda: b05(),
    "b06": lambda: b06(),
    "b07": lambda: b07(),
    "b08": lambda: b08(),
    "b09": lambda: b09(),
    "b10": lambda: b10(),
    "b11": lambda: b11(),
    "b12": lambda: b12(),
}
C_SOLVERS = {
    "c01": lambda: c01(),
    "c02": lambda: c02(),
    "c03": lambda: c03(),
    "c04": lambda: c04(),
    "c05": lambda: c05(),
    "c06": lambda: c06(),
    "c07": lambda: c07(),
    "c08": lambda: c08(),
    "c09": lambda: c09(),
    "c10": lambda: c10(),
    "c11": lambda: c11(),
    "c12": lambda: c12(),
}

SOLVERS = A_SOLVERS | B_SOLVERS | C_SOLVERS
"""Group -> solver."""
