//! Who a believed token speaks of, and what that is here. Pure.

use serde_json::Value;

use super::{LoginError, jwt::Claims};
use crate::{api::types::Role, auth};

/// What becomes of those to whom no role is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// They are not let in.
    Refuse,
    /// They may look.
    Viewer,
}

/// Which claims count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The one that is the user's name.
    pub user_claim: String,
    /// The one that has groups or roles.
    pub role_claim: String,
    /// Its values and what they mean; the first that fits counts.
    pub roles: Vec<(String, Role)>,
    /// Who has none of them.
    pub unknown: Unknown,
}

/// Somebody whom the provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider.
    pub issuer: String,
    /// Who it is there, for ever.
    pub subject: String,
    /// The name here.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl Mapping {
    /// The person of a token.
    pub fn person(&self, issuer: &str, claims: &Claims) -> Result<Person, LoginError> {
        let nameless = |what: String| Err(LoginError::Nameless(what));
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if subject.is_empty() || subject.len() > 255 {
            return nameless("`sub` is not 1 to 255 characters".into());
        }
        let Some(name) = claim(claims, &self.user_claim).and_then(Value::as_str) else {
            return nameless(format!("there is no text `{}` in the token (auth.oidc.user_claim)", self.user_claim));
        };
        if !auth::is_name(name) || auth::is_reserved(name) {
            return nameless(format!(
                "`{}` is not 1 to 64 letters, digits, `.`, `_`, `-` or `@`, or is reserved",
                self.user_claim
            ));
        }
        // Whoever may write any address into their own account must not become its owner.
        if self.user_claim == "email" && claims.get("email_verified").is_some_and(|verified| *verified != Value::Bool(true)) {
            return nameless("the e-mail address is not verified (email_verified)".into());
        }
        let held: Vec<&str> = match claim(claims, &self.role_claim) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let role = self.roles.iter().find(|(value, _)| held.contains(&value.as_str())).map(|(_, role)| *role);
        let role = match (role, self.unknown) {
            (Some(role), _) => role,
            (None, Unknown::Viewer) => Role::Viewer,
            (None, Unknown::Refuse) => return Err(LoginError::Unknown(name.to_owned())),
        };
        Ok(Person { issuer: issuer.to_owned(), subject: subject.to_owned(), name: name.to_owned(), role })
    }
}

/// A claim by its name; where there is none of that name, dots lead into objects.
fn claim<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapping() -> Mapping {
        Mapping {
            user_claim: "preferred_username".into(),
            role_claim: "groups".into(),
            roles: vec![("admins".into(), Role::Admin), ("operators".into(), Role::Operator)],
            unknown: Unknown::Refuse,
        }
    }

    fn person(mapping: &Mapping, claims: Value) -> Result<(String, Role), LoginError> {
        let Value::Object(claims) = claims else { panic!("an object is wanted") };
        mapping.person("https://login", &claims).map(|person| (person.name, person.role))
    }

    #[test]
    fn the_first_role_that_fits_counts() {
        let of = |groups: Value| person(&mapping(), json!({"sub": "1", "preferred_username": "lan", "groups": groups}));
        assert_eq!(of(json!(["x", "operators"])), Ok(("lan".into(), Role::Operator)));
        assert_eq!(of(json!(["operators", "admins"])), Ok(("lan".into(), Role::Admin)), "in the configuration's order");
        assert_eq!(of(json!("operators")), Ok(("lan".into(), Role::Operator)), "one text is a list of one");
        for none in [json!([]), json!(["operator"]), json!([1, null]), json!(null), json!({"operators": true})] {
            assert_eq!(of(none.clone()), Err(LoginError::Unknown("lan".into())), "{none}");
        }
        let viewers = Mapping { unknown: Unknown::Viewer, ..mapping() };
        assert_eq!(person(&viewers, json!({"sub": "1", "preferred_username": "lan"})), Ok(("lan".into(), Role::Viewer)));
    }

    #[test]
    fn claims_are_found_by_name_and_by_path() {
        let deep = Mapping { role_claim: "realm_access.roles".into(), ..mapping() };
        let claims = json!({"sub": "1", "preferred_username": "lan", "realm_access": {"roles": ["admins"]}});
        assert_eq!(person(&deep, claims), Ok(("lan".into(), Role::Admin)));
        let odd = Mapping { role_claim: "https://city.vn/groups".into(), ..mapping() };
        let claims = json!({"sub": "1", "preferred_username": "lan", "https://city.vn/groups": ["admins"]});
        assert_eq!(person(&odd, claims), Ok(("lan".into(), Role::Admin)));
    }

    #[test]
    fn who_has_no_usable_name_is_not_let_in() {
        for (claims, part) in [
            (json!({"preferred_username": "lan"}), "`sub`"),
            (json!({"sub": "1"}), "no text `preferred_username`"),
            (json!({"sub": "1", "preferred_username": 7}), "no text `preferred_username`"),
            (json!({"sub": "1", "preferred_username": "a b"}), "is not 1 to 64 letters"),
            (json!({"sub": "1", "preferred_username": "demo-token"}), "reserved"),
            (json!({"sub": "1", "preferred_username": "matpho-center"}), "reserved"),
        ] {
            let said = person(&mapping(), claims.clone()).unwrap_err();
            assert!(matches!(said, LoginError::Nameless(_)) && said.to_string().contains(part), "{claims}: {said}");
        }
        let by_mail = Mapping { user_claim: "email".into(), unknown: Unknown::Viewer, ..mapping() };
        let mail = |verified: Value| person(&by_mail, json!({"sub": "1", "email": "lan@tinh.vn", "email_verified": verified}));
        assert!(mail(json!(true)).is_ok());
        assert!(mail(json!(false)).is_err() && mail(json!("true")).is_err());
    }
}
