//! Who is logged in.

use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// See everything.
    Viewer,
    /// What a viewer may; acknowledge, note and close.
    Operator,
    /// What an operator may, and the administration that later versions bring.
    Admin,
}

/// How somebody can log in. With name and password always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoginWays {
    /// Through a provider, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderWay>,
}

/// Login through a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderWay {
    /// What stands on the button, in Vietnamese.
    pub name_vi: String,
    /// The same in English.
    pub name_en: String,
    /// Where a browser is sent.
    pub url: String,
}

/// Login.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's name.
    pub name: String,
    /// The user's password.
    pub password: String,
    /// How the session is to be held.
    #[serde(default)]
    pub hold: SessionHold,
}

/// How a session is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionHold {
    /// In a cookie that scripts in a page cannot read: for the console.
    #[default]
    Cookie,
    /// In a token that the answer carries, to be sent as `Authorization: Bearer`: for scripts.
    Token,
}

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The user's name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// What the user may do in some area at least: `view.map`, `event.ack` and so on.
    pub capabilities: Vec<String>,
    /// When the session ends; absent for a token that has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<WallTime>,
    /// The session's token; only in the answer to a login that asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
