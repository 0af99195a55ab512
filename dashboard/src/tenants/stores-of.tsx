// How many stores a tenant has, of how many it may have.
import type { Tenant } from "../contract";

export function StoresOf({ tenant: { used, limits } }: { tenant: Tenant }) {
  const stores = Number(used?.stores ?? 0n);
  const most = limits?.stores;
  if (most === undefined) return <>{stores.toLocaleString()}</>;
  const share = most ? Math.min(1, stores / most) : 1;
  return (
    <>
      {stores.toLocaleString()} of {most.toLocaleString()}
      <svg
        class={`share ${share < 1 ? "busy" : "warn"}`}
        viewBox="0 0 100 6"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <rect class="track" width="100" height="6" />
        <rect class="fill" width={share * 100} height="6" />
      </svg>
      {share >= 1 && <span class="under">no more can be made</span>}
    </>
  );
}
