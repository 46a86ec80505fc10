//! The gate of one repository: what is to be said there so that a request is let through.
//!
//! A registry says with a 401 how it wants to be told who asks. `Basic` takes name and password with each request;
//! `Bearer` takes a token that its `realm` gives for some scopes and some time (the token specification of the
//! distribution project; with an identity token, OAuth 2.0, RFC 6749 section 6). The scope asked for is the one that
//! the whole run needs, so that one token does.
//!
//! Credentials go to the registry itself and to the realm that it names, and nowhere else; in the clear only to this
//! machine. Knows nothing of what is asked beyond the gate.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::challenge::{self, Challenge};
use super::credentials::{AuthFiles, CredentialError, Credentials, Secret};
use super::error::PublishError;
use super::reference::{Host, Repository};
use crate::http::{Address, Answer, Call, Exchange, Method};

/// How long a token lasts when its giver does not tell (the token specification).
const LIFETIME: Duration = Duration::from_secs(60);
/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(5);
/// Far larger than any token.
const TOKEN_LIMIT: usize = 1 << 20;
const CLIENT: &str = "drystone";

/// What is asked of a registry at a gate.
pub(super) struct Gate {
    host: Host,
    repository: Repository,
    exchange: Exchange,
    files: AuthFiles,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    credentials: Option<Credentials>,
    scheme: Option<Scheme>,
    scopes: BTreeSet<String>,
    token: Option<Token>,
    /// Counts the answers to challenges, so that of many requests that a token's end stops, one gets the next.
    turn: u64,
}

#[derive(Clone)]
enum Scheme {
    Basic,
    Bearer { realm: Address, service: Option<String> },
}

#[derive(Clone)]
struct Token {
    value: Secret,
    end: Instant,
}

/// What a request was let through with.
pub(super) struct Pass {
    /// The header's value.
    pub authorization: Option<String>,
    turn: u64,
}

/// What a token's giver writes.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Gate {
    pub fn new(host: Host, repository: Repository, exchange: Exchange, files: AuthFiles) -> Self {
        let scopes = BTreeSet::from([format!("repository:{repository}:pull")]);
        Self { host, repository, exchange, files, state: Mutex::new(State { scopes, ..State::default() }) }
    }

    /// Says that more than reading is meant: pushing here, and reading there for the sake of mounts. Says whether
    /// the giver of tokens agrees to the mounts; if not, they are not meant.
    ///
    /// # Errors
    /// When no token is to be had at all.
    pub async fn widen(&self, mounts: &[Repository], doing: &str) -> Result<bool, PublishError> {
        let mut state = self.state.lock().await;
        let own = format!("repository:{}:pull,push", self.repository);
        let there = mounts.iter().map(|from| format!("repository:{from}:pull"));
        let scopes: BTreeSet<String> = there.chain([own.clone()]).collect();
        if scopes == state.scopes {
            return Ok(true);
        }
        state.scopes = scopes;
        state.token = None;
        let Some(Scheme::Bearer { realm, service }) = state.scheme.clone() else { return Ok(true) };
        match self.fetch(&state, &realm, service.as_deref(), doing).await {
            Ok(token) => state.token = Some(token),
            Err(PublishError::Refused { .. }) if !mounts.is_empty() => {
                state.scopes = BTreeSet::from([own]);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// What the next request is to be sent with, as far as is known.
    ///
    /// # Errors
    /// When a token has run out and no other is given.
    pub async fn pass(&self, doing: &str) -> Result<Pass, PublishError> {
        let mut state = self.state.lock().await;
        let authorization = match state.scheme.clone() {
            None => None,
            Some(Scheme::Basic) => basic(state.credentials.as_ref()),
            Some(Scheme::Bearer { realm, service }) => {
                let token = match state.token.take().filter(|token| Instant::now() < token.end) {
                    Some(token) => token,
                    None => self.fetch(&state, &realm, service.as_deref(), doing).await?,
                };
                let authorization = format!("Bearer {}", token.value.reveal());
                state.token = Some(token);
                Some(authorization)
            }
        };
        Ok(Pass { authorization, turn: state.turn })
    }

    /// Takes up the challenge of a 401, so that the same request may be sent once more.
    ///
    /// # Errors
    /// When there is nothing that could be said, or no token is given.
    pub async fn answer(&self, answer: &Answer, used: &Pass, doing: &str) -> Result<(), PublishError> {
        let mut state = self.state.lock().await;
        if state.turn != used.turn {
            // Another request has taken it up meanwhile.
            return Ok(());
        }
        state.turn += 1;
        state.token = None;
        let offered: Vec<Challenge> =
            answer.headers("www-authenticate").into_iter().flat_map(challenge::parse).collect();
        let by = |scheme: &str| offered.iter().find(|challenge| challenge.scheme == scheme);
        if state.credentials.is_none() {
            state.credentials = Some(self.look_up().await?);
        }
        if let Some(bearer) = by("bearer").filter(|bearer| bearer.parameter("realm").is_some()) {
            let realm = bearer.parameter("realm").unwrap_or_default();
            let realm = answer.address().join(realm).map_err(|source| self.failed(doing, source))?;
            state.scopes.extend(self.further_scopes(bearer));
            let service = bearer.parameter("service").map(str::to_owned);
            let token = self.fetch(&state, &realm, service.as_deref(), doing).await?;
            state.token = Some(token);
            state.scheme = Some(Scheme::Bearer { realm, service });
            return Ok(());
        }
        if by("basic").is_none() {
            let challenge = answer.headers("www-authenticate").join(", ");
            return Err(PublishError::Challenge { host: self.host.clone(), challenge });
        }
        self.check_clear(answer.address())?;
        match state.credentials {
            Some(Credentials::Password { .. }) if !matches!(state.scheme, Some(Scheme::Basic)) => {
                state.scheme = Some(Scheme::Basic);
                Ok(())
            }
            _ => Err(self.refused(&state, doing)),
        }
    }

    /// The error of a request that is not let through, whatever was said.
    pub async fn refusal(&self, doing: &str) -> PublishError {
        self.refused(&*self.state.lock().await, doing)
    }

    fn refused(&self, state: &State, doing: &str) -> PublishError {
        let user = state.credentials.as_ref().and_then(|known| known.user().map(str::to_owned));
        let looked = self.files.paths().to_vec();
        PublishError::Refused { doing: doing.to_owned(), host: self.host.clone(), user, looked }
    }

    fn failed(&self, doing: &str, source: crate::http::HttpError) -> PublishError {
        PublishError::Http { doing: doing.to_owned(), source }
    }

    async fn look_up(&self) -> Result<Credentials, CredentialError> {
        let (files, host, repository) = (self.files.clone(), self.host.clone(), self.repository.clone());
        // In a thread of its own: a helper may ask its user something.
        let found = tokio::task::spawn_blocking(move || files.find(&host, &repository)).await;
        found.expect("reading files does not panic")
    }

    /// What a challenge asks for beyond what is asked for anyway.
    fn further_scopes(&self, bearer: &Challenge) -> Vec<String> {
        let own = format!("repository:{}:", self.repository);
        let scopes = bearer.parameter("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
        scopes.filter(|scope| !scope.starts_with(&own)).map(str::to_owned).collect()
    }

    /// Credentials are not sent where others can read them.
    fn check_clear(&self, to: &Address) -> Result<(), PublishError> {
        match to.is_encrypted() || to.is_loopback() {
            true => Ok(()),
            false => Err(PublishError::Clear { host: self.host.clone() }),
        }
    }

    /// Gets a token.
    async fn fetch(
        &self,
        state: &State,
        realm: &Address,
        service: Option<&str>,
        doing: &str,
    ) -> Result<Token, PublishError> {
        let credentials = state.credentials.as_ref().unwrap_or(&Credentials::None);
        if *credentials != Credentials::None {
            self.check_clear(realm)?;
        }
        let call = match credentials {
            Credentials::Identity { token, .. } => refresh(realm, service, &state.scopes, token),
            _ => request(realm, service, &state.scopes, credentials),
        };
        let began = Instant::now();
        let answer = self.exchange.send(call).await.map_err(|source| self.failed(doing, source))?;
        match answer.status() {
            200 => {}
            400..=403 => return Err(self.refused(state, doing)),
            status => {
                let (doing, said) = (format!("get a token to {doing}"), String::new());
                return Err(PublishError::Answer { doing, host: self.host.clone(), status, said });
            }
        }
        let bytes = answer.bytes(TOKEN_LIMIT).await.map_err(|source| self.failed(doing, source))?;
        let given = serde_json::from_slice::<Given>(&bytes).ok();
        let Some((value, expires_in)) =
            given.and_then(|given| Some((given.token.or(given.access_token)?, given.expires_in)))
        else {
            let what = format!("the token from {realm}");
            return Err(PublishError::Unfit { what, reason: "it is not what a giver of tokens writes".to_owned() });
        };
        let lifetime = expires_in.map_or(LIFETIME, Duration::from_secs);
        // One that is over at once is good for the request that it was got for.
        Ok(Token {
            value: Secret::new(value),
            end: began + lifetime.saturating_sub(MARGIN).max(Duration::from_secs(1)),
        })
    }
}

fn basic(credentials: Option<&Credentials>) -> Option<String> {
    let Some(Credentials::Password { user, password }) = credentials else { return None };
    let pair = Secret::new(format!("{user}:{}", password.reveal()));
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.reveal())))
}

/// The request of the token specification.
fn request(realm: &Address, service: Option<&str>, scopes: &BTreeSet<String>, credentials: &Credentials) -> Call {
    let mut address = realm.clone();
    if let Some(service) = service {
        address = address.with("service", service);
    }
    for scope in scopes {
        address = address.with("scope", scope);
    }
    address = address.with("client_id", CLIENT);
    if let Some(user) = credentials.user() {
        address = address.with("account", user);
    }
    Call::new(Method::Get, address).authorization(basic(Some(credentials)))
}

/// The request of OAuth 2.0, with an identity token as the refresh token.
fn refresh(realm: &Address, service: Option<&str>, scopes: &BTreeSet<String>, token: &Secret) -> Call {
    let scopes = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let fields = [
        ("grant_type", "refresh_token"),
        ("service", service.unwrap_or_default()),
        ("client_id", CLIENT),
        ("scope", &scopes),
        ("refresh_token", token.reveal()),
    ];
    Call::new(Method::Post, realm.clone())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(crate::http::form(&fields).into_bytes())
}
