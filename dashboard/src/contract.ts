// The contract, in one place for all who import it.
export { AccountService, Principal_Kind, type Principal } from "./generated/sendstores/v1/account_service_pb";
export {
  AuditEntry_Decision,
  AuditService,
  type AuditEntry,
  type AuditFilterSchema,
} from "./generated/sendstores/v1/audit_service_pb";
export {
  AvailableUpdate_Kind,
  Catalogue,
  Engine,
  Failure_Reason,
  HistoryEntry_Event,
  Operation_Kind,
  Operation_State,
  PaymentMethod,
  StoreFilterSchema,
  StoreSpecSchema,
  Step_State,
  Store_State,
  type AvailableUpdate,
  type Diagnosis,
  type Evidence,
  type Failure,
  type HistoryEntry,
  type Operation,
  type Release,
  type ShopSettings,
  type Step,
  type Store,
  type StoreFilter,
  type Volumes,
} from "./generated/sendstores/v1/store_pb";
export {
  CreateRequestSchema,
  StoreService,
  StoreView,
  type CreateRequest,
  type GetCredentialsResponse,
  type GetSummaryResponse,
  type ListResponse,
  type WatchStatusResponse,
} from "./generated/sendstores/v1/store_service_pb";
export {
  TenantService,
  TenantServiceCreateRequestSchema,
  TenantServiceUpdateRequestSchema,
  type Tenant,
  type TenantLimits,
} from "./generated/sendstores/v1/tenant_service_pb";
export {
  TokenService,
  TokenServiceCreateRequestSchema,
  type Token,
  type TokenServiceCreateRequest,
  type TokenServiceCreateResponse,
} from "./generated/sendstores/v1/token_service_pb";
