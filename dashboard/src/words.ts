// What the values of the contract are called on the page.
import {
  AvailableUpdate_Kind,
  Catalogue,
  Failure_Reason,
  HistoryEntry_Event,
  Operation_Kind,
  Operation_State,
  PaymentMethod,
  Step_State,
  Store_State,
} from "./contract";
import type { IconName } from "./ui/icon";

export interface Look {
  word: string;
  icon: IconName;
  /** A class of the style sheet: colour is never the only sign. */
  tone: "good" | "busy" | "warn" | "bad" | "gone" | "idle";
}

export const STATES: Record<Store_State, Look> = {
  [Store_State.UNSPECIFIED]: { word: "Unknown", icon: "question", tone: "idle" },
  [Store_State.PROVISIONING]: { word: "Provisioning", icon: "progress", tone: "busy" },
  [Store_State.READY]: { word: "Ready", icon: "check", tone: "good" },
  [Store_State.DEGRADED]: { word: "Degraded", icon: "warning", tone: "warn" },
  [Store_State.UPDATING]: { word: "Updating", icon: "progress", tone: "busy" },
  [Store_State.SUSPENDING]: { word: "Suspending", icon: "progress", tone: "busy" },
  [Store_State.SUSPENDED]: { word: "Suspended", icon: "pause", tone: "idle" },
  [Store_State.RESUMING]: { word: "Resuming", icon: "progress", tone: "busy" },
  [Store_State.FAILED]: { word: "Failed", icon: "cross", tone: "bad" },
  [Store_State.RETAINING]: { word: "Closing", icon: "progress", tone: "gone" },
  [Store_State.RETAINED]: { word: "Deleted, kept", icon: "trash", tone: "gone" },
  [Store_State.DELETING]: { word: "Deleting", icon: "progress", tone: "gone" },
  [Store_State.DELETED]: { word: "Deleted", icon: "trash", tone: "gone" },
};

/** The states that a list can show, those first that somebody should look at. */
export const LISTED: Store_State[] = [
  Store_State.FAILED,
  Store_State.DEGRADED,
  Store_State.PROVISIONING,
  Store_State.UPDATING,
  Store_State.RESUMING,
  Store_State.READY,
  Store_State.SUSPENDING,
  Store_State.SUSPENDED,
  Store_State.RETAINING,
  Store_State.RETAINED,
  Store_State.DELETING,
  Store_State.UNSPECIFIED,
];

export const lookOf = (state: Store_State): Look => STATES[state] ?? STATES[Store_State.UNSPECIFIED];

/** As the address has it: "ready". */
export const stateSlug = (state: Store_State): string => Store_State[state]?.toLowerCase() ?? "unspecified";

export function stateOfSlug(slug: string): Store_State | undefined {
  return LISTED.find((state) => stateSlug(state) === slug);
}

/** Nothing of it shall run, and its data is kept. */
export const isResting = (state: Store_State): boolean =>
  [Store_State.SUSPENDING, Store_State.SUSPENDED].includes(state);

/** Its deletion was asked for, and can be taken back. */
export const isKept = (state: Store_State): boolean => [Store_State.RETAINING, Store_State.RETAINED].includes(state);

export const STEP_STATES: Record<Step_State, Look> = {
  [Step_State.UNSPECIFIED]: { word: "unknown", icon: "question", tone: "idle" },
  [Step_State.PENDING]: { word: "to do", icon: "circle", tone: "idle" },
  [Step_State.RUNNING]: { word: "running", icon: "progress", tone: "busy" },
  [Step_State.SUCCEEDED]: { word: "done", icon: "check", tone: "good" },
  [Step_State.FAILED]: { word: "failed", icon: "cross", tone: "bad" },
};

export const OPERATION_STATES: Record<Operation_State, Look> = {
  [Operation_State.UNSPECIFIED]: { word: "unknown", icon: "question", tone: "idle" },
  [Operation_State.QUEUED]: { word: "waits for the return", icon: "pause", tone: "idle" },
  [Operation_State.RUNNING]: { word: "under way", icon: "progress", tone: "busy" },
  [Operation_State.ROLLING_BACK]: { word: "being taken back", icon: "progress", tone: "warn" },
  [Operation_State.SUCCEEDED]: { word: "done", icon: "check", tone: "good" },
  [Operation_State.ROLLED_BACK]: { word: "failed, taken back", icon: "warning", tone: "warn" },
  [Operation_State.FAILED]: { word: "failed", icon: "cross", tone: "bad" },
  [Operation_State.CANCELLED]: { word: "called off", icon: "pause", tone: "idle" },
};

export const OPERATIONS: Record<Operation_Kind, string> = {
  [Operation_Kind.UNSPECIFIED]: "Operation",
  [Operation_Kind.UPDATE]: "Update",
  [Operation_Kind.SUSPEND]: "Suspension",
  [Operation_Kind.RESUME]: "Return",
  [Operation_Kind.RETAIN]: "Deletion",
  [Operation_Kind.RESIZE]: "Growth of the volumes",
};

/** How far a release is from what runs. */
export const DISTANCES: Record<AvailableUpdate_Kind, string> = {
  [AvailableUpdate_Kind.UNSPECIFIED]: "versions not known",
  [AvailableUpdate_Kind.PATCH]: "small change",
  [AvailableUpdate_Kind.MINOR]: "new minor version",
  [AvailableUpdate_Kind.MAJOR]: "new major version",
};

/** What a step makes. A step of a newer server has only its name. */
export const STEPS: Record<string, string> = {
  namespace: "Namespace and isolation",
  credentials: "Passwords",
  release: "Workloads (helm)",
  database: "Database",
  application: "WordPress",
  bootstrap: "Shop installation",
  storefront: "First purchase check",
  removal: "Removal",
  suspension: "Closing and stopping",
};

export const CHECKS: Record<string, string> = {
  shop_page: "Shop page",
  store_api: "Product and price",
  cart: "Cart and checkout",
  cron: "Scheduled jobs",
  ingress: "Public address",
};

const REASONS: Partial<Record<Failure_Reason, string>> = {
  [Failure_Reason.CLUSTER_UNAVAILABLE]: "Kubernetes does not answer",
  [Failure_Reason.NAMESPACE_CONFLICT]: "The namespace belongs to something else",
  [Failure_Reason.OBJECT_REFUSED]: "Kubernetes refused an object",
  [Failure_Reason.RELEASE_FAILED]: "Helm could not install the release",
  [Failure_Reason.VALUES_REFUSED]: "The chart refused the values",
  [Failure_Reason.IMAGE_UNAVAILABLE]: "An image cannot be pulled",
  [Failure_Reason.VOLUME_UNAVAILABLE]: "A volume cannot be bound",
  [Failure_Reason.DATABASE_UNAVAILABLE]: "The database is not ready",
  [Failure_Reason.APPLICATION_UNAVAILABLE]: "WordPress is not ready",
  [Failure_Reason.BOOTSTRAP_FAILED]: "The installation in the shop failed",
  [Failure_Reason.STOREFRONT_UNAVAILABLE]: "The shop does not sell",
  [Failure_Reason.REMOVAL_BLOCKED]: "Something is not removed yet",
  [Failure_Reason.SUSPENSION_BLOCKED]: "A pod does not stop",
  [Failure_Reason.ROLLBACK_FAILED]: "An update could not be taken back",
  [Failure_Reason.UPDATE_NEEDS_DECISION]: "A failed update needs a decision",
  [Failure_Reason.INTERNAL]: "A fault of the control plane",
  [Failure_Reason.NAMESPACE_MISSING]: "The namespace is gone",
  [Failure_Reason.QUOTA_EXCEEDED]: "The store's quota is too small",
  [Failure_Reason.POD_UNSCHEDULABLE]: "No node can run a pod",
  [Failure_Reason.PLUGIN_MISSING]: "WooCommerce is missing",
  [Failure_Reason.PHP_FATAL_ERROR]: "PHP stopped with an error",
  [Failure_Reason.DATA_MISSING]: "The shop's data is gone",
  [Failure_Reason.WEBHOOK_UNAVAILABLE]: "An admission webhook does not answer",
  [Failure_Reason.NODE_UNAVAILABLE]: "A node does not run the pods",
  [Failure_Reason.DUMP_INCOMPLETE]: "The copy of the database has no end",
  [Failure_Reason.DISK_FULL]: "The copy of the database does not fit",
  [Failure_Reason.REPOSITORY_UNAVAILABLE]: "The repository of backups does not answer",
  [Failure_Reason.REPOSITORY_KEY_WRONG]: "The repository has another key",
  [Failure_Reason.SNAPSHOT_INCOMPLETE]: "A snapshot could not be read back",
  [Failure_Reason.BACKUP_JOB_LOST]: "The Job of a backup is gone",
  [Failure_Reason.BACKUP_TIMED_OUT]: "A backup took too long",
  [Failure_Reason.STORE_DELETED]: "The store is deleted",
  [Failure_Reason.NO_REPOSITORY]: "There is no repository for backups",
};

export const reasonName = (reason: Failure_Reason): string => Failure_Reason[reason] ?? "UNSPECIFIED";
export const reasonWords = (reason: Failure_Reason): string =>
  REASONS[reason] ?? words(reasonName(reason)).replace(/^./, (first) => first.toUpperCase());

export const EVENTS: Record<HistoryEntry_Event, string> = {
  [HistoryEntry_Event.UNSPECIFIED]: "An event that this server does not know",
  [HistoryEntry_Event.CREATED]: "Created",
  [HistoryEntry_Event.READY]: "Became ready",
  [HistoryEntry_Event.CREDENTIALS_READ]: "Credentials were read",
  [HistoryEntry_Event.DELETE_REQUESTED]: "Deletion was asked for",
  [HistoryEntry_Event.ADOPTED]: "Adopted from the cluster",
  [HistoryEntry_Event.SUSPEND_REQUESTED]: "Suspension was asked for",
  [HistoryEntry_Event.RESUME_REQUESTED]: "Return was asked for",
  [HistoryEntry_Event.UPDATE_REQUESTED]: "A change was asked for",
  [HistoryEntry_Event.UNDELETE_REQUESTED]: "Deletion was taken back",
  [HistoryEntry_Event.ROLLED_BACK]: "An update was taken back",
  [HistoryEntry_Event.CANCEL_REQUESTED]: "The end of the update was asked for",
  [HistoryEntry_Event.RETRY_REQUESTED]: "Another attempt was asked for",
};

export const PAYMENTS: [PaymentMethod, string][] = [
  [PaymentMethod.CASH_ON_DELIVERY, "Cash on delivery"],
  [PaymentMethod.BANK_TRANSFER, "Bank transfer"],
];

export const CATALOGUES: [Catalogue, string][] = [
  [Catalogue.SAMPLE, "One sample product"],
  [Catalogue.EMPTY, "Empty"],
];

/** "NAMESPACE_CONFLICT" as "namespace conflict". */
export const words = (name: string): string => name.toLowerCase().replaceAll("_", " ");

/** "token:ci#4fKq0ZpL2x" as its parts. */
export function actorOf(principal: string): { kind: string; name: string; id: string } {
  const [, kind = "", name = principal, id = ""] = /^([a-z0-9]+):([^#]*)(?:#(.*))?$/.exec(principal) ?? [];
  return { kind, name, id };
}
