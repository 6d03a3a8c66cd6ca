// The main job, played with the generated client: three people, one chicken place, and every won is checked.
// It runs beside the generated folder: bin/test-clients puts it there.

import { randomUUID } from 'node:crypto';

import {
  Configuration,
  DevelopingApi,
  OrderFromJSON,
  OrderState,
  OrdersApi,
  PartiesApi,
  PartyState,
  PaymentState,
  PaymentsApi,
  ProblemCode,
  ProblemFromJSON,
  PurchasesApi,
  ResponseError,
  SessionsApi,
} from '../typescript/src';
import type { Item, NewParty, Order, Payment, Problem } from '../typescript/src';

const [url, simulator] = process.argv.slice(2);
if (url === undefined || simulator === undefined) throw new Error('usage: main-job.js SERVER SIMULATOR');

let passed = 0;
/** How often the last payment had to be asked for. */
let asked = 0;

/** What is found has to be what is expected. */
function same(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
  }
  passed += 1;
}

function say(sentence: string): void {
  console.log(sentence);
}

/** One with the app in hand. */
class Person {
  private constructor(readonly parties: PartiesApi, readonly orders: OrdersApi, readonly payments: PaymentsApi) {}

  static async named(handle: string): Promise<Person> {
    const session = await new DevelopingApi(new Configuration({ basePath: url! })).createDevSession({
      newDevSession: { handle: `${handle}-${randomUUID().slice(0, 8)}` },
    });
    const config = new Configuration({ basePath: url!, accessToken: session.accessToken });
    return new Person(new PartiesApi(config), new OrdersApi(config), new PaymentsApi(config));
  }

  joins(party: string, items: Item[], idempotencyKey: string = randomUUID()): Promise<Order> {
    return this.orders.joinParty({ id: party, idempotencyKey, itemsBody: { items } });
  }

  /** Approves in the provider's window, confirms, and asks as long as the outcome is not known. */
  async pays(payment: Payment, decline?: string): Promise<Payment> {
    const window = await fetch(`${simulator}/__sim/toss/authorize`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider_order_id: payment.providerOrderId, amount_krw: payment.amountKrw, decline }),
    });
    same('the window', window.status, 201);
    const { payment_key: paymentKey } = (await window.json()) as { payment_key: string };
    let seen = await this.payments.confirmPayment({
      id: payment.id,
      idempotencyKey: randomUUID(),
      confirmationBody: { paymentKey, amountKrw: payment.amountKrw },
    });
    for (asked = 0; seen.state === PaymentState.Confirming && asked < 60; asked += 1) {
      await pause(1000);
      seen = await this.payments.getPayment({ id: payment.id });
    }
    return seen;
  }

  /** The order, once `krw` have come back. */
  async refunded(order: string, krw: number): Promise<Order> {
    for (let looked = 0; looked < 100; looked += 1) {
      const seen = await this.orders.getOrder({ id: order });
      if (seen.refundingKrw === 0 && seen.refundedKrw === krw) return seen;
      await pause(200);
    }
    throw new Error(`${krw} won should have come back by now`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The problem that a call is refused with. */
async function problem(call: Promise<unknown>): Promise<Problem> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ResponseError) return ProblemFromJSON(await error.response.json());
    throw error;
  }
  throw new Error('it was not refused');
}

function food(name: string, unitPriceKrw: number): Item[] {
  return [{ name, unitPriceKrw, quantity: 1 }];
}

function paymentOf(order: Order): Payment {
  if (order.payment === undefined) throw new Error(`order ${order.id} has no payment`);
  return order.payment;
}

function draft(now: Date): NewParty {
  return {
    title: '치킨 같이 시켜요',
    store: { name: '교촌치킨 역삼점', category: 'chicken' },
    pickup: { lat: 37.4981, lng: 127.0276, label: '강남역 11번 출구' },
    minMembers: 2,
    capacity: 4,
    deadlineAt: new Date(now.getTime() + 2 * 3600 * 1000),
    minOrderKrw: 15_000,
    feeTiers: [
      { fromKrw: 0, feeKrw: 4_000 },
      { fromKrw: 30_000, feeKrw: 3_200 },
    ],
    split: 'even',
    settlement: 'prepaid',
    items: food('허니콤보', 10_000),
  };
}

/** What the simulator makes of `wanted`. */
async function simulated(path: string, wanted: unknown): Promise<Record<string, string>> {
  const answer = await fetch(`${simulator}/__sim/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(wanted),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, string>;
}

/** Signing in, staying signed in, buying, and signing out. */
async function account(): Promise<void> {
  const sessions = new SessionsApi(new Configuration({ basePath: url! }));
  const nonce = randomUUID();
  const apple = await simulated('login', { provider: 'apple', subject: randomUUID(), nonce });
  const appleSignIn = { identityToken: apple.identity_token!, nonce, authorizationCode: apple.authorization_code! };
  const first = await sessions.createAppleSession({ appleSignIn });
  const stolen = await problem(sessions.createAppleSession({ appleSignIn: { ...appleSignIn, nonce: 'another' } }));
  same('a token of another sign-in', [stolen.status, stolen.code], [401, ProblemCode.IdentityTokenInvalid]);
  const kakao = await simulated('login', { provider: 'kakao', subject: randomUUID(), nonce, nickname: '유나' });
  const yuna = await sessions.createKakaoSession({ kakaoSignIn: { idToken: kakao.id_token!, nonce } });
  same('her name at Kakao', yuna.user.nickname, '유나');

  const refresh = { refreshToken: first.refreshToken };
  const next = await sessions.refreshSession({ refresh });
  const lost = await sessions.refreshSession({ refresh });
  same('the answer that was lost', lost.refreshToken, next.refreshToken);
  await sessions.refreshSession({ refresh: { refreshToken: next.refreshToken } });
  const copied = await problem(sessions.refreshSession({ refresh }));
  same('a token used after its successor', [copied.status, copied.code], [401, ProblemCode.RefreshTokenInvalid]);

  const mine = new Configuration({ basePath: url!, accessToken: yuna.accessToken });
  const bought = await simulated('app-store/transactions', {
    product_id: 'boost_5',
    app_account_token: yuna.user.appAccountToken,
  });
  const purchaseBody = { signedTransaction: bought.signed_transaction! };
  const purchases = new PurchasesApi(mine);
  const has = await purchases.createPurchase({ idempotencyKey: randomUUID(), purchaseBody });
  same('her boosts', has.boosts, 5);
  const restored = await purchases.createPurchase({ idempotencyKey: randomUUID(), purchaseBody });
  same('her boosts, when the phone hands the purchase in again', restored.boosts, 5);
  await new SessionsApi(mine).deleteSession();
  const out = await problem(new PurchasesApi(mine).getEntitlements());
  same('a token after signing out', [out.status, out.code], [401, ProblemCode.Unauthenticated]);
  say('Yuna signs in with Kakao, buys five boosts once, and signs out. A copied refresh token ends its session.');
}

async function play(): Promise<void> {
  const clock = await new DevelopingApi(new Configuration({ basePath: url! })).advanceDevClock({ advance: { advanceS: 0 } });
  const [mina, juno, sena] = await Promise.all([Person.named('mina'), Person.named('juno'), Person.named('sena')]);

  const idempotencyKey = randomUUID();
  const newParty = draft(clock.now);
  const party = await mina.parties.createParty({ idempotencyKey, newParty });
  const again = await mina.parties.createPartyRaw({ idempotencyKey, newParty });
  same('the party opened by the same command', (await again.value()).id, party.id);
  same('Idempotency-Replayed', again.raw.headers.get('Idempotency-Replayed'), 'true');
  const reused = await problem(mina.parties.createParty({ idempotencyKey, newParty: { ...newParty, capacity: 5 } }));
  same('a key reused with another body', [reused.status, reused.code], [422, ProblemCode.IdempotencyKeyReused]);
  say('Mina opens a party at a chicken place, and eats for 10,000 won herself. Sent twice, it is one party.');

  const quote = await juno.parties.getQuote({ id: party.id, foodKrw: 8_000 });
  same("Juno's prepayment", quote.withMe?.prepayKrw, 10_000);
  const junos = await juno.joins(party.id, food('레드콤보', 8_000));
  same("Juno's seat", junos.state, OrderState.Held);
  same('what Juno is asked for', paymentOf(junos).amountKrw, 10_000);
  const twice = await problem(juno.joins(party.id, food('레드콤보', 8_000)));
  same('joining twice', [twice.status, twice.code, twice.orderId], [409, ProblemCode.AlreadyJoined, junos.id]);
  const declined = await problem(juno.pays(paymentOf(junos), 'REJECT_CARD_PAYMENT'));
  same('a declined card', [declined.status, declined.code, declined.declineCode], [402, 'payment_declined', 'insufficient_funds']);
  const next = await juno.payments.getPayment({ id: paymentOf(junos).id });
  same('another provider_order_id', next.providerOrderId !== paymentOf(junos).providerOrderId, true);
  same('the payment', (await juno.pays(next)).state, PaymentState.Paid);
  same('Juno', (await juno.orders.getOrder({ id: junos.id })).state, OrderState.Joined);
  say('Juno joins. His card is declined, his next one pays 10,000 won: 8,000 of food and at most 2,000 of the fee.');

  const senas = await sena.joins(party.id, food('치즈볼 세트', 12_000));
  same('what Sena is asked for', paymentOf(senas).amountKrw, 14_000);
  await simulated('faults', { provider: 'toss', operation: 'confirm', when: 'after_effect', do: 'reset', times: 1 });
  same('the payment', (await sena.pays(paymentOf(senas))).state, PaymentState.Paid);
  same('how often the app had to ask', asked > 0, true);
  say(`Sena joins and pays 14,000. Toss's answer gets lost; the app is told "not known yet", asks, and hears that it is paid.`);

  const public_ = await sena.parties.getPartyRaw({ id: party.id });
  const etag = public_.raw.headers.get('ETag') ?? '';
  const unchanged = await sena.parties.getPartyRaw({ id: party.id, ifNoneMatch: etag }).catch((error) => error.response);
  same('an unchanged party', unchanged.status ?? unchanged.raw.status, 304);
  const stale = await problem(mina.parties.lockParty({ id: party.id, ifMatch: '"v1"' }));
  same('a lock of what has changed', [stale.status, stale.code], [412, ProblemCode.PreconditionFailed]);

  const locked = await mina.parties.lockParty({ id: party.id });
  same('the party', locked.state, PartyState.Locked);
  const shares = new Map((locked.quote?.shares ?? []).map((share) => [share.orderId, [share.feeKrw, share.owedKrw]]));
  same("Mina's share", shares.get(locked.myOrderId), [1_068, 11_068]);
  same("Juno's share", shares.get(junos.id), [1_066, 9_066]);
  same("Sena's share", shares.get(senas.id), [1_066, 13_066]);
  same('the total', locked.quote?.totalKrw, 33_200);
  await juno.refunded(junos.id, 934);
  await sena.refunded(senas.id, 934);
  say('Mina locks: 3,200 won of fee are 1,068 and twice 1,066, and 934 come back to both guests.');

  const placed = await mina.parties.placeParty({
    id: party.id,
    placementBody: { storeOrderNo: 'B-1024', receiptTotalKrw: 33_200 },
  });
  same('the party', placed.state, PartyState.Placed);
  same('the party', (await mina.parties.arriveParty({ id: party.id })).state, PartyState.Arrived);
  same("Juno's order", (await juno.orders.pickUpOrder({ id: junos.id })).state, OrderState.PickedUp);
  same("Sena's order", (await sena.orders.pickUpOrder({ id: senas.id })).state, OrderState.PickedUp);
  same('the party', (await mina.parties.getRoom({ id: party.id })).state, PartyState.Completed);
  say('She orders, the food arrives, both pick up theirs.');

  const ledger = await juno.parties.getLedger({ id: party.id });
  const sum = (account: string) =>
    ledger.items.filter((leg) => leg.account === account).reduce((krw, leg) => krw + leg.amountKrw, 0);
  same('the ledger', [ledger.sumKrw, sum('provider'), sum('host')], [0, 22_132, -22_132]);
  say('The ledger sums to 0, and 22,132 won are owed to Mina: 9,066 + 13,066.');

  const newer = OrderFromJSON({ ...JSON.parse(JSON.stringify({ id: '1', items: [] })), state: 'brand_new', brand_new: true });
  same('a word that this client does not know', newer.state, 'brand_new');
}

account().then(play).then(
  () => say(`\n${passed} passed, 0 failed`),
  (error: unknown) => {
    console.error(error);
    say(`\n${passed} passed, 1 failed`);
    process.exitCode = 1;
  },
);
