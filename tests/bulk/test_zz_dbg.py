from tests.bulk.test_killed import *
from tests.bulk.test_killed import small_chunks
from tests.bulk.conftest import served
import traceback
def test_dbg(served, small_chunks):
    rows=[row(n) for n in range(1,34)]
    import exchange.bulk.running as R
    with served.as_system(MARKET) as client:
        job=start(client,"issue",type=LICENCE,format="jsonl",file=hand_over(client,json_lines(rows)))
        die=Random(5)
        for i in range(30):
            at=die.randint(1,6)
            try:
                with death(at, committed=die.random()<.5):
                    r=running_of(served.hub)
                    o=r._run_if_next
                    def t(j,m):
                        x=o(j,m); print("run_if_next",x); return x
                    r._run_if_next=t
                    o2=R._locked
                    def l(c,m,k):
                        v=o2(c,m,k); print("lock",m,k,v); return v
                    R._locked=l
                    r.run(job)
                    R._locked=o2
            except Died:
                R._locked=o2
                print("died",at, seen(client,job)["done"])
                continue
            print("alive", at, seen(client,job)["state"]); 
            if seen(client,job)["state"]=="done": break
    assert 0
